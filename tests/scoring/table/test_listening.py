"""How far tasks are, told while they work."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from replay.scoring.table import listening
from replay.scoring.table.listening import reporting


class Shown:
    """What was told: rows, in order; ``reached`` is set when the number waited for is told."""

    def __init__(self, waited_for: int) -> None:
        self.rows: list[int] = []
        self.reached = threading.Event()
        self._waited_for = waited_for

    def stage(self, name: str, total_rows: int | None = None) -> None:
        pytest.fail(f"stage {name} was started")

    def update(self, done_rows: int) -> None:
        self.rows.append(done_rows)
        if done_rows == self._waited_for:
            self.reached.set()


class Totals:
    """An accumulator, as the driver reads it."""

    def __init__(self) -> None:
        self.value: dict[str, float] = {}


@pytest.fixture
def totals(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(listening, "_POLL_SECONDS", 0.001)
    return Totals()


def told_by() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "replay-progress"]


def test_rows_are_told_while_tasks_work_and_once_more_at_the_end(totals: Any):
    shown = Shown(15)
    with reporting(totals, shown, skipped=5):
        totals.value = {"rows": 10.0, "read": 0.5}
        assert shown.reached.wait(30)
        totals.value = {"rows": 20.0}
    assert shown.rows[-1] == 25
    assert set(shown.rows) <= {5, 15, 25}
    assert shown.rows == sorted(shown.rows)
    assert told_by() == []


def test_before_a_task_is_done_there_are_the_rows_of_before(totals: Any):
    shown = Shown(7)
    with reporting(totals, shown, skipped=7):
        assert shown.reached.wait(30)
    assert set(shown.rows) == {7}


def test_work_that_fails_is_told_no_more(totals: Any):
    shown = Shown(0)

    def fail() -> None:
        with reporting(totals, shown, skipped=0):
            assert shown.reached.wait(30)
            raise RuntimeError("failed")

    with pytest.raises(RuntimeError, match="failed"):
        fail()
    assert told_by() == []
