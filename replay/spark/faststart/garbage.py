"""The garbage collector, kept from what it would look through in vain."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """Collect no garbage meanwhile.

    Importing torch, or opening a model, makes some hundred thousand objects that stay. Each time that their number has
    grown by a share the collector looks through all of them: a third of the time that the import takes.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
