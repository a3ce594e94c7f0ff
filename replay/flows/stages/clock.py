"""Where the time of a run goes: wall time by stage, which adds up to the whole, and the seconds that tasks measure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from replay.report.terminal.progress import Progress

_KEYS = {
    "": "start",
    "reading the config": "start",
    "starting Spark": "start",
    "reading the traffic": "prepare",
    "checking keys and checkpoints": "keys",
    "looking for copies": "keys",
    "scoring": "scoring",
    "comparing": "diff",
    "finding incidents": "diagnose",
    "testing causes": "diagnose",
    "writing the tables": "diff",
    "writing the report": "report",
}
"""Stages as they are shown, and the part of the wall time that each belongs to."""


class Clock:
    """The seconds of a run.

    Args:
        progress: Knows its stages, and how long each took.

    Attributes:
        started: When the run started, ISO 8601 in UTC.
    """

    def __init__(self, progress: Progress) -> None:
        self.started = self.now()
        self._progress = progress
        self._tasks: dict[str, float] = {}

    @staticmethod
    def now() -> str:
        """This moment, ISO 8601 in UTC."""
        return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def add(self, seconds: Mapping[str, float]) -> None:
        """Add seconds that tasks measured, which ran side by side."""
        for name, amount in seconds.items():
            self._tasks[name] = self._tasks.get(name, 0.0) + amount

    def timings(self) -> dict[str, float]:
        """Seconds of tasks, seconds by part of the wall time, and ``wall``, their sum, so far."""
        parts: dict[str, float] = {}
        for stage, amount in self._progress.spent().items():
            part = _KEYS.get(stage, "other")
            parts[part] = parts.get(part, 0.0) + amount
        return {**self._tasks, **parts, "wall": sum(parts.values())}
