"""Where the time of a run goes: it adds up."""

from __future__ import annotations

from datetime import UTC, datetime

from replay.flows.stages.clock import Clock
from replay.report.terminal.progress import Progress


class Seconds:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_parts_add_up_to_the_wall_and_tasks_are_beside_them():
    seconds = Seconds()
    progress = Progress(None, seconds)
    watch = Clock(progress)
    stages = {
        "reading the config": 0.5,
        "starting Spark": 4.0,
        "comparing": 2.0,
        "writing the tables": 1.5,
        "new": 0.25,
    }
    for name, took in stages.items():
        progress.stage(name)
        seconds.now += took
    watch.add({"score": 9.0, "read": 1.0})
    watch.add({"score": 1.0})

    assert watch.timings() == {
        "score": 10.0,
        "read": 1.0,
        "start": 4.5,
        "diff": 3.5,
        "other": 0.25,
        "wall": 8.25,
    }


def test_the_start_is_a_moment_in_utc():
    started = datetime.fromisoformat(Clock(Progress(None)).started)

    assert started.utcoffset() is not None
    assert abs((datetime.now(UTC) - started).total_seconds()) < 60
