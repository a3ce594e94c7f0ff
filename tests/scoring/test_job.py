"""What tasks score on, and workers that have the checkpoints open before there is anything to score."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from replay.checkpoints import Checkpoint, FunctionScorer
from replay.config import EngineConfig
from replay.scoring import job
from replay.scoring.job import ScoreJob, score_partition, warm_up
from tests.checkpoints.models import contract, examined, ranker, save
from tests.scoring.making import batch, table, weighted, work


def opened_in_workers(spark: SparkSession, checkpoint: Checkpoint) -> list[bool]:
    """Whether each task's worker has the checkpoint open already."""
    model = contract()

    def look(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from replay.checkpoints.open import scorer_fingerprint
        from replay.checkpoints.scorers import cache

        found = (scorer_fingerprint(checkpoint, model), "cpu") in cache._open
        for rows in batches:
            yield pa.record_batch({"found": [found] * rows.num_rows})

    slots = spark.sparkContext.defaultParallelism
    return [row.found for row in spark.range(0, slots, 1, slots).mapInArrow(look, "found boolean").collect()]


@pytest.mark.spark
def test_workers_open_the_checkpoints_in_the_background(spark: SparkSession, tmp_path: Path) -> None:
    checkpoint = examined(save("pickled_module", ranker(), tmp_path / "file"))
    assert not any(opened_in_workers(spark, checkpoint))
    warm_up(spark, {"prod": checkpoint}, contract(), EngineConfig()).join(60)
    # Spark keeps idle workers and takes any of them: those of the warm-up are among them.
    assert any(opened_in_workers(spark, checkpoint))


@pytest.mark.spark
def test_a_checkpoint_that_does_not_open_is_left_to_the_preflight(spark: SparkSession, tmp_path: Path) -> None:
    checkpoint = examined(save("pickled_module", ranker(), tmp_path / "file"))
    (tmp_path / "file").unlink()
    thread = warm_up(spark, {"prod": checkpoint}, contract(), EngineConfig())
    thread.join(60)
    assert not thread.is_alive()
    assert spark.range(3).count() == 3


@pytest.fixture
def functions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers open a function in place of a file."""
    monkeypatch.setattr(job, "cached_scorer", lambda *_args, **_more: FunctionScorer(weighted))
    monkeypatch.setattr(job, "at_hand", lambda checkpoint: checkpoint)
    monkeypatch.setattr(job, "find_sources", lambda *_args: {})


def score_job() -> ScoreJob:
    return ScoreJob(work({}), {"prod": "a checkpoint"}, EngineConfig())  # type: ignore[dict-item]


def test_each_row_comes_back_once_with_its_score(functions: None):
    reports: list[dict[str, float]] = []
    batches = [batch(table(10)), batch(table(5, seed=1, first=10))]
    scored = pa.Table.from_batches(list(score_partition(score_job(), iter(batches), reports.append)))
    expected = [
        a + 10 * b + 100 * c
        for each in batches
        for a, b, c in zip(*(each[name].to_pylist() for name in "abc"), strict=True)
    ]

    assert scored["id"].to_pylist() == list(range(15))
    assert scored["prod"].to_pylist() == expected
    assert [report["rows"] for report in reports] == [15]


def test_a_task_without_rows_opens_nothing_and_still_reports(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(job, "cached_scorer", lambda *_args, **_more: pytest.fail("opened"))
    reports: list[dict[str, float]] = []

    assert list(score_partition(score_job(), iter([]), reports.append)) == []
    assert reports[0]["rows"] == 0


def test_seconds_and_rows_of_tasks_add_up():
    totals = job._Totals()

    assert totals.addInPlace({"rows": 2.0, "read": 0.5}, {"rows": 3.0, "score": 1.0}) == {
        "rows": 5.0,
        "read": 0.5,
        "score": 1.0,
    }
    assert totals.zero({"rows": 1.0}) == {}
