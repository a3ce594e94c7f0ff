"""Scoring where Spark alone can write: waves in order, after the last that is committed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from replay.scoring.table import through_spark as module
from replay.scoring.table.through_spark import score_through_spark

SPLITS = tuple(SimpleNamespace(num_rows=rows) for rows in (5, 5, 5, 5, 1))


class World:
    """Spark and Delta, which are not there. What was done, in order.

    Attributes:
        appended: Path, run, number and scores of each commit, with the columns that are indexed.
        shown: Of the progress.
        done: Number of the last wave that is committed already.
    """

    def __init__(self) -> None:
        self.appended: list[Any] = []
        self.shown: list[Any] = []
        self.done = -1
        self.totals = SimpleNamespace(value={})

    def score(self, _spark: Any, _job: Any, _plan: Any, splits: Any, totals: Any) -> Any:
        rows = sum(split.num_rows for split in splits)
        totals.value = {"rows": totals.value.get("rows", 0) + rows, "read": totals.value.get("read", 0) + 0.5}
        return f"scores of {rows} rows"

    def scan(self, dataframe: Any, _job: Any, totals: Any) -> Any:
        totals.value = {"rows": 21.0, "read": 2.0}
        return f"scores of {dataframe}"

    def append(self, scores: Any, path: str, run_id: str, wave: int, indexed: int) -> None:
        self.appended.append((scores, path, run_id, wave, indexed))

    def stage(self, name: str, total_rows: int | None = None) -> None:
        self.shown.append((name, total_rows))

    def update(self, done_rows: int) -> None:
        self.shown.append(done_rows)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(module, "new_totals", lambda _: made.totals)
    monkeypatch.setattr(module, "last_wave", lambda *_: made.done)
    monkeypatch.setattr(module, "score_splits", made.score)
    monkeypatch.setattr(module, "score_dataframe", made.scan)
    monkeypatch.setattr(module, "append_wave", made.append)
    return made


def scored(world: World, splits: Any = SPLITS) -> dict[str, float]:
    # Five columns, two of them scores.
    job: Any = SimpleNamespace(work=SimpleNamespace(schema=lambda: range(5), variants=("prod", "next")))
    plan: Any = SimpleNamespace(splits=splits)
    spark: Any = None
    return score_through_spark(spark, job, lambda: "a view", plan, "s3a://b/scores", "run", 10, 21, world)


def test_waves_are_appended_in_order_under_their_numbers(world: World):
    assert scored(world) == {"read": 1.5}
    assert world.appended == [
        ("scores of 10 rows", "s3a://b/scores", "run", 0, 3),
        ("scores of 10 rows", "s3a://b/scores", "run", 1, 3),
        ("scores of 1 rows", "s3a://b/scores", "run", 2, 3),
    ]
    assert (world.shown[0], world.shown[-1]) == (("scoring", 21), 21)


def test_waves_that_are_committed_are_left_alone_and_shown_as_done(world: World):
    world.done = 1
    assert scored(world) == {"read": 0.5}
    assert [entry[3] for entry in world.appended] == [2]
    assert world.shown[-1] == 21


def test_a_run_whose_waves_are_all_there_scores_nothing(world: World):
    world.done = 2
    assert scored(world) == {}
    assert world.appended == []
    assert world.shown[-1] == 21


def test_what_spark_scans_is_one_commit(world: World):
    assert scored(world, splits=()) == {"read": 2.0}
    assert world.appended == [("scores of a view", "s3a://b/scores", "run", 0, 3)]


def test_a_scan_that_is_committed_is_not_done_again(world: World):
    world.done = 0
    assert scored(world, splits=()) == {}
    assert world.appended == []
