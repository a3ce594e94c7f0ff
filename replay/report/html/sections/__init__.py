"""The sections of the page: each file computes what its template in ``templates/sections`` shows."""
