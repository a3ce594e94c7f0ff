"""Locks of the system: they end with the last process that holds them, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def is_locked(path: Path, flags: int) -> bool:
    """Whether a process holds a lock on a file or a directory.

    Args:
        path: What it is held on.
        flags: How it is opened to ask, such as ``os.O_RDONLY``; no child inherits it.

    Raises:
        OSError: It cannot be opened.
    """
    handle = os.open(path, flags | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False
