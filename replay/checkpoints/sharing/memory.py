"""Memory that was freed, given back to the machine."""

from __future__ import annotations

import ctypes
import gc


def release_memory() -> None:
    """Give memory that was freed back to the machine: the C library would keep it for later."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc only
    if trim is not None:
        trim(0)
