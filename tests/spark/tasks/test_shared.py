"""What tasks are sent, and what they count."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from replay.spark.guest import at_work, private_session
from replay.spark.tasks.run import run_tasks
from replay.spark.tasks.shared import DriverTotals, SentAlong, share, task_slots
from tests.closed_session import closed_jvm


def test_totals_of_the_driver_are_added_up() -> None:
    totals = DriverTotals()
    totals.add({"rows": 2, "read": 0.5})
    totals.add({"rows": 3})
    assert totals.value == {"rows": 5, "read": 0.5}
    assert pickle.loads(pickle.dumps(totals.add)).__self__ is not totals


@pytest.mark.spark
def test_tasks_are_sent_the_same_with_a_jvm_and_without(spark: SparkSession) -> None:
    def run() -> list[tuple[int, str]]:
        shipped = share(spark, {"name": "é"})
        return run_tasks(spark, range(3, 7), lambda place: (place, shipped.value["name"]))

    expected = [(place, "é") for place in range(3, 7)]
    assert run() == expected
    assert not isinstance(share(spark, 1), SentAlong)
    assert task_slots(spark) == 2
    with closed_jvm():
        assert run() == expected
        assert isinstance(share(spark, 1), SentAlong)
        assert task_slots(spark) == 2
        assert run_tasks(spark, range(0), lambda place: place) == []


@pytest.mark.spark
def test_what_was_sent_goes_with_the_work(spark: SparkSession) -> None:
    """And what is sent in the user's own session, of which nobody knows how long it is needed, stays."""
    kept = share(spark, "kept")
    with at_work(private_session(spark)) as private:
        sent = share(private, "sent")
        file = Path(sent._path)  # type: ignore[attr-defined]
        assert run_tasks(private, range(2), lambda place: sent.value) == ["sent", "sent"]
        assert file.exists()
    assert not file.exists()
    assert run_tasks(spark, range(1), lambda place: kept.value) == ["kept"]
