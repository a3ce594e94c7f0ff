"""Which rows of a table are read: by window, conditions and sample, and by what files say of themselves."""
