"""The garbage collector, kept from what it would look through in vain.

Leans on: nothing but ``gc``, whose switches hold for the whole process.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

from replay.spark.faststart import is_on


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """Collect no garbage meanwhile.

    Importing torch, or opening a model, makes some hundred thousand objects that stay. Each time that their number has
    grown by a share the collector looks through all of them: a third of the time that the import takes.
    """
    was_on = gc.isenabled() and is_on()
    if was_on:
        gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def freeze_garbage() -> None:
    """Collect once, then keep the collector from all that there is: it lives as long as the process.

    Spark collects garbage after every task. Of torch and a model, frozen, that takes a millisecond instead of a quarter
    of a second; and what is never looked through is not copied in a fork either.
    """
    if is_on():
        gc.collect()
        gc.freeze()
