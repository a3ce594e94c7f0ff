"""Seconds by stage."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from replay.flows.stages import clock
from replay.flows.stages.clock import Clock


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the performance counter says, one reading after the other."""
    readings = [0.0]
    monkeypatch.setattr(clock.time, "perf_counter", lambda: readings.pop(0))
    return readings


def test_stages_add_up_and_wall_is_the_time_since_the_start(ticks: list[float]):
    watch = Clock()
    ticks += [1.0, 3.0, 10.0, 10.5, 20.0]
    with watch.stage("diff"):
        pass
    with watch.stage("diff"):
        pass
    watch.add({"score": 4.0, "diff": 1.0})

    assert watch.timings() == {"diff": 3.5, "score": 4.0, "wall": 20.0}


def test_a_stage_that_fails_counts_too(ticks: list[float]):
    watch = Clock()
    ticks += [1.0, 2.0, 3.0]
    with pytest.raises(RuntimeError, match="no"), watch.stage("diff"):
        raise RuntimeError("no")

    assert watch.timings() == {"diff": 1.0, "wall": 3.0}


def test_the_start_is_a_moment_in_utc():
    started = datetime.fromisoformat(Clock().started)

    assert started.utcoffset() is not None
    assert abs((datetime.now(UTC) - started).total_seconds()) < 60
