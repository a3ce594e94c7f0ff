"""How far tasks are, told while Spark works."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from replay.spark.tasks.shared import Totals

_POLL_SECONDS = 0.5


class ProgressListener(Protocol):
    """Listens to how far the work is."""

    def stage(self, name: str, total_rows: int | None = None) -> None:
        """A stage of the work starts."""

    def update(self, done_rows: int) -> None:
        """So many rows of the stage are done."""


@contextmanager
def reporting(totals: Totals, progress: ProgressListener, skipped: int) -> Iterator[None]:
    """Tell the progress how many rows finished tasks have scored, while Spark works."""
    stop = threading.Event()

    def poll() -> None:
        while not stop.wait(_POLL_SECONDS):
            progress.update(skipped + int(totals.value.get("rows", 0)))

    thread = threading.Thread(target=poll, name="replay-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    progress.update(skipped + int(totals.value.get("rows", 0)))
