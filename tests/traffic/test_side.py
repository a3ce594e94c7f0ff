"""Selected rows with side columns: the same rows as the scan, and conditions as Spark has them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from replay.errors import ConfigError, TrafficError
from replay.traffic import (
    PinnedTraffic,
    StaleColumn,
    WhereColumn,
    draw_direct,
    known_name,
    open_traffic,
    plan_splits,
    read_split,
    resolve_condition,
    scan_dataframe,
    side_dataframe,
    side_problem,
)
from tests.traffic.tables import traffic_config, write

pytestmark = pytest.mark.spark

LAG = timedelta(seconds=30)
STALE = [StaleColumn("replay:stale:30000000:odd.`name`?", "odd.`name`?", LAG)]
WHERE = [WhereColumn("replay:where:1", "odd > 0 AND `odd.``name``?` LIKE 't%' -- a comment")]
PATH = "scenarios.late[0].where"
ROWS = 300


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    draw = np.random.default_rng(0)
    table = pa.table(
        {
            "id": np.arange(ROWS),
            "user": [None if user == 0 else f"u{user}" for user in draw.integers(0, 6, ROWS)],
            "at": pa.array([None if at < 5 else int(at) for at in draw.integers(0, 100, ROWS)], pa.int64()),
            "odd": [None if odd < 0.1 else odd - 0.5 for odd in draw.random(ROWS)],
            "odd.`name`?": [f"t{row}" if row % 2 else f"s{row}" for row in range(ROWS)],
            "vec": [[float(row)] * (row % 3) for row in range(ROWS)],
            "ctx": [{"odd": row, "b": [row]} for row in range(ROWS)],
            "Score": draw.random(ROWS),
        }
    )
    folder = tmp_path_factory.mktemp("side")
    for place in range(3):
        write(folder / f"{place}.parquet", table.slice(place * 100, 100))
    return folder


def opened(spark: SparkSession, path: Path, **settings: Any) -> PinnedTraffic:
    settings = {"entity": "user", "time": {"column": "at", "unit": "s"}, "score": "Score"} | settings
    return open_traffic(spark, traffic_config(path, **settings))


@pytest.mark.parametrize("where", [[], WHERE])
@pytest.mark.parametrize("stale", [[], STALE])
@pytest.mark.parametrize(
    "selection",
    [
        {},
        {"where": "odd > 0"},
        {"window": {"start": "1970-01-01T00:00:20Z", "end": "1970-01-01T00:01:00Z"}, "sample": {"rate": 0.5}},
    ],
)
def test_exactly_the_rows_of_the_scan(
    spark: SparkSession, path: Path, where: list[WhereColumn], stale: list[StaleColumn], selection: dict[str, Any]
) -> None:
    traffic = opened(spark, path, **selection)
    columns = ["vec", "ctx.b", "id", "odd.`name`?", "at"]
    scanned = scan_dataframe(spark, traffic, columns).toArrow().sort_by("id")
    found = side_dataframe(spark, traffic, columns, where, stale).toArrow().sort_by("id")
    side = [column.name for column in (*where, *stale)] + ([known_name(LAG)] if stale else [])
    assert found.column_names == [*scanned.column_names, *side]
    assert found.select(scanned.column_names).to_pylist() == scanned.to_pylist()
    assert found.select(scanned.column_names).schema.types == scanned.schema.types
    assert found.num_rows > 20


def test_conditions_are_true_or_false(spark: SparkSession, path: Path) -> None:
    where = [*WHERE, WhereColumn("nested", "ctx.odd >= 250 OR user IS NULL")]
    found = side_dataframe(spark, opened(spark, path), ["id"], where, STALE).toArrow().sort_by("id")
    logged = scan_dataframe(spark, opened(spark, path), ["id", "odd", "user"]).toArrow().sort_by("id").to_pylist()
    expected = [row["odd"] is not None and row["odd"] > 0 and row["id"] % 2 == 1 for row in logged]
    assert found["replay:where:1"].to_pylist() == expected
    assert found["nested"].to_pylist() == [row["id"] >= 250 or row["user"] is None for row in logged]
    assert 20 < sum(expected) < 200


def test_columns_that_only_python_reads(spark: SparkSession, tmp_path: Path) -> None:
    """Nanoseconds and half floats, which Spark itself refuses."""
    half = pa.array([np.float16(0.5), np.float16(1.5), None])
    at = pa.array([0, 10**9, 3 * 10**9], pa.timestamp("ns"))
    big = pa.array([2**64 - 1, 1, 2], pa.uint64())
    write(tmp_path / "t.parquet", pa.table({"id": [0, 1, 2], "user": big, "at": at, "half": half, "score": [0.0] * 3}))
    write(
        tmp_path / "u.parquet", pa.table({"id": [3], "user": big[:1], "at": at[2:], "half": half[2:], "score": [0.0]})
    )
    traffic = open_traffic(spark, traffic_config(tmp_path, entity="user", time="at"))
    stale = [StaleColumn("old", "half", timedelta(seconds=2))]
    found = side_dataframe(spark, traffic, ["id", "half"], [WhereColumn("w", "half > 1")], stale).toArrow()
    assert found.sort_by("id")["old"].to_pylist() == [None, None, None, 0.5]
    assert found.sort_by("id")["w"].to_pylist() == [False, True, False, False]


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("nobody > 1", "`nobody` cannot be resolved"),
        ("odd >", "Syntax error"),
        ("odd", "is not a boolean"),
        ("max(odd) > 1", "invalid expressions"),
        ("rand() < 0.5", r"other rows in each run.*`scenarios\.late\[0\]\.rate`"),
    ],
)
def test_a_condition_that_spark_refuses(spark: SparkSession, path: Path, where: str, message: str) -> None:
    problem = side_problem(spark, opened(spark, path), where, PATH)
    assert problem is not None
    assert problem.path == PATH
    with pytest.raises(ConfigError, match=message):
        raise ConfigError([problem])


def test_a_condition_may_name_what_the_model_does_not_read(spark: SparkSession, path: Path) -> None:
    traffic = opened(spark, path)
    assert side_problem(spark, traffic, "score > 0.5 AND ctx.b[0] = 3", PATH) is None  # Spark minds no case
    found = side_dataframe(spark, traffic, ["id"], [WhereColumn("w", "score > 0.5")], []).toArrow()
    assert found.column_names == ["id", "w"]
    assert 100 < sum(found["w"].to_pylist()) < 200


def test_a_column_that_is_not_there(spark: SparkSession, path: Path) -> None:
    with pytest.raises(TrafficError, match="no column `idd`"):
        side_dataframe(spark, opened(spark, path), ["idd"], WHERE, [])


def test_a_traffic_where_that_is_wrong_is_still_its_own_problem(spark: SparkSession, path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        side_dataframe(spark, opened(spark, path, where="nobody = 1"), ["id"], WHERE, STALE)
    assert caught.value.problems[0].path == "traffic.where"


class TestReader:
    WHY = "`scenarios.late[0]` takes older values, which only Spark brings"

    def test_auto_scans(self, spark: SparkSession, path: Path) -> None:
        plan = plan_splits(spark, opened(spark, path), ["id"], side=self.WHY)
        assert (plan.reader, plan.splits, plan.reason) == ("spark", (), self.WHY)

    def test_direct_is_refused_and_the_scenario_named(self, spark: SparkSession, path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            plan_splits(spark, opened(spark, path), ["id"], "direct", side=self.WHY)
        assert caught.value.problems[0].path == "engine.reader"
        assert self.WHY in caught.value.problems[0].message

    def test_direct_without_side_columns(self, spark: SparkSession, path: Path) -> None:
        assert plan_splits(spark, opened(spark, path), ["id"], "direct").reader == "direct"

    def test_conditions_are_delivered_behind_the_columns(self, spark: SparkSession, path: Path) -> None:
        traffic = opened(spark, path)
        where = [
            WhereColumn(f"w{place}", sql) for place, sql in enumerate(("ctx.odd >= 250", "user IS NULL", "Score > 0.5"))
        ]
        conditions = [resolve_condition(spark, traffic, one.where, "scenarios.a[0].where", one.name) for one in where]
        assert [column.obstacle for column in conditions] == [None] * 3
        plan = plan_splits(spark, traffic, ["id"], beside=conditions)
        assert (plan.columns, plan.schema.names) == (("id",), ["id", "w0", "w1", "w2"])
        batches = [batch for split in plan.splits for batch in read_split(split, plan)]
        ours = pa.Table.from_batches(batches).sort_by("id").to_pydict()
        theirs = side_dataframe(spark, traffic, ["id"], where, []).toArrow().sort_by("id").to_pydict()
        assert {name: [value or False for value in values] for name, values in ours.items()} == {
            name: [value or False for value in values] for name, values in theirs.items()
        }
        assert any(ours["w0"])
        # A few rows to look at have the table's columns alone.
        assert draw_direct(plan, most=5).batch.schema.names == ["id"]

    def test_a_condition_that_can_fail_is_left_to_spark(self, spark: SparkSession, path: Path) -> None:
        traffic = opened(spark, path)
        found = resolve_condition(spark, traffic, "cast(user as int) > 1", "scenarios.a[0].where", "w")
        assert found.tree is None
        assert found.obstacle == "a cast from string to int can fail, and is not computed in every row"
