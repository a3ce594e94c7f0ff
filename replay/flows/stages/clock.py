"""Wall time of a run and of its stages."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime


class Clock:
    """Seconds by stage, from the moment that it is made.

    Attributes:
        started: When that was, ISO 8601 in UTC.
    """

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self.started = self.now()
        self._seconds: dict[str, float] = {}

    @staticmethod
    def now() -> str:
        """This moment, ISO 8601 in UTC."""
        return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the wall time of what is done inside to a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add({name: time.perf_counter() - start})

    def add(self, seconds: Mapping[str, float]) -> None:
        """Add seconds that tasks measured."""
        for name, amount in seconds.items():
            self._seconds[name] = self._seconds.get(name, 0.0) + amount

    def timings(self) -> dict[str, float]:
        """Seconds by stage, and ``wall`` so far."""
        return {**self._seconds, "wall": time.perf_counter() - self._start}
