"""The user's own code that a config names: found, imported as it lies on disk, and identified by its content.

- ``code.py``: what others use: find code, import it, and list what it consists of.
- ``closure.py``: which modules and packages it consists of, by following imports.
- ``fetched_code.py``: what of it lies at a URL, copied here.
- ``watch.py``: what it does while it is imported and called.
- ``python_imports.py``: Python's import system, watched and steered.
- ``sources.py``: files and their hashes.
- ``stale.py``: modules that changed since they were imported.
- ``known_packages.py``: published packages, which their version identifies.
"""

from replay.config.user_code.code import (
    CodePlace,
    calling_code,
    code_files,
    code_sources,
    load_code,
    locate_code,
    note_used,
    other_source,
    refresh_code,
)
from replay.config.user_code.stale import UserCodeError

__all__ = [
    "CodePlace",
    "UserCodeError",
    "calling_code",
    "code_files",
    "code_sources",
    "load_code",
    "locate_code",
    "note_used",
    "other_source",
    "refresh_code",
]
