"""Older values of an entity, against a search through plain Python lists."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from replay.errors import ConfigError, TrafficError
from replay.traffic import PinnedTraffic, StaleColumn, known_name, open_traffic, scan_dataframe, side_dataframe
from replay.traffic.history import stale_dataframe
from tests.traffic.tables import traffic_config, write

pytestmark = pytest.mark.spark

Row = dict[str, Any]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SPAN_S = 1000
YEAR_1 = -62_135_596_800
LAGS = [timedelta(seconds=seconds) for seconds in (1, 60, 400, 5000)]
FEATURES = ("x", "vec", "ctx.count", "counts.clicks", "a.b `c`?")


def seconds(count: float) -> datetime:
    return EPOCH + timedelta(seconds=count)


def logged_rows(count: int, seed: int) -> list[Row]:
    """Few entities and few times, so that there are ties; nulls everywhere; rows in no order."""
    draw = random.Random(seed)
    return [
        {
            "id": row,
            "user": draw.choice(["a", "b", "c", "d", "e", None]),
            "at": None if draw.random() < 0.05 else draw.randrange(0, SPAN_S, 5),
            "x": None if draw.random() < 0.2 else draw.random(),
            "vec": None if draw.random() < 0.2 else [draw.random()] * draw.randrange(4),
            "ctx": None if draw.random() < 0.2 else {"count": draw.choice([None, row])},
            "counts": None if draw.random() < 0.2 else [(draw.choice(["clicks", "views"]), row)],
            "a.b `c`?": f"t{row}",
            "score": draw.random(),
        }
        for row in range(count)
    ]


def as_table(rows: list[Row]) -> pa.Table:
    types = [
        ("id", pa.int64()),
        ("user", pa.string()),
        ("at", pa.int64()),
        ("x", pa.float64()),
        ("vec", pa.list_(pa.float32())),
        ("ctx", pa.struct([("count", pa.int64())])),
        ("counts", pa.map_(pa.string(), pa.int64())),
        ("a.b `c`?", pa.string()),
        ("score", pa.float64()),
    ]
    return pa.table({name: pa.array([row[name] for row in rows], dtype) for name, dtype in types})


def opened(spark: SparkSession, folder: Path, rows: list[Row], files: int = 3, **settings: Any) -> PinnedTraffic:
    table = as_table(rows)
    for place in range(files):
        part = table.slice(place * len(table) // files, (place + 1) * len(table) // files - place * len(table) // files)
        write(folder / f"{place}.parquet", part)
    config = traffic_config(folder, entity="user", time={"column": "at", "unit": "s"}, **settings)
    return open_traffic(spark, config)


def hashes(spark: SparkSession, count: int) -> dict[int, int]:
    """Spark's own hash of each key: the rule for ties names it."""
    return {row["id"]: row["h"] for row in spark.range(count).select("id", F.xxhash64("id").alias("h")).collect()}


def value_of(row: Row, feature: str) -> Any:
    if feature == "ctx.count":
        return None if row["ctx"] is None else row["ctx"]["count"]
    if feature == "counts.clicks":
        return None if row["counts"] is None else dict(row["counts"]).get("clicks")
    return pa.scalar(row["vec"], pa.list_(pa.float32())).as_py() if feature == "vec" else row[feature]


def as_of(rows: list[Row], row: Row, lag: timedelta, order: dict[int, int]) -> Row | None:
    """The newest row that is at least so old, by looking at every one."""
    if row["user"] is None or row["at"] is None:
        return None
    latest = row["at"] - lag.total_seconds()
    older = [one for one in rows if one["user"] == row["user"] and one["at"] is not None and one["at"] <= latest]
    return max(older, key=lambda one: (one["at"], order[one["id"]]), default=None)


def check(spark: SparkSession, traffic: PinnedTraffic, rows: list[Row], selected: list[Row]) -> int:
    """Compare every value; return how many rows have a history."""
    stale = [StaleColumn(f"{feature}@{lag}", feature, lag) for lag in LAGS for feature in FEATURES]
    found = side_dataframe(spark, traffic, ["id"], [], stale).toArrow().to_pylist()
    order = hashes(spark, len(rows))
    assert sorted(row["id"] for row in found) == sorted(row["id"] for row in selected)
    with_history = 0
    for got in found:
        row = rows[got["id"]]
        for lag in LAGS:
            older = as_of(rows, row, lag, order)
            with_history += older is not None
            assert got[known_name(lag)] is (older is not None)
            for feature in FEATURES:
                assert got[f"{feature}@{lag}"] == (None if older is None else value_of(older, feature)), (row, lag)
    return with_history


@pytest.mark.parametrize("seed", [0, 1])
def test_equal_to_brute_force(spark: SparkSession, tmp_path: Path, seed: int) -> None:
    rows = logged_rows(400, seed)
    with_history = check(spark, opened(spark, tmp_path, rows), rows, rows)
    assert 300 < with_history < 400 * 3  # not vacuous; a lag of 5000 s has none


@pytest.mark.parametrize(("start", "end"), [(600, 700), (None, 300), (600, None), (0, SPAN_S), (YEAR_1, 500), (30, 31)])
def test_history_reaches_before_the_window(
    spark: SparkSession, tmp_path: Path, start: float | None, end: float | None
) -> None:
    rows = logged_rows(400, seed=2)
    window = {"start": None if start is None else seconds(start), "end": None if end is None else seconds(end)}
    traffic = opened(spark, tmp_path, rows, window=window)
    inside = [
        row
        for row in rows
        if row["at"] is not None and (start is None or row["at"] >= start) and (end is None or row["at"] < end)
    ]
    assert check(spark, traffic, rows, inside) > 0


def test_history_is_of_rows_that_where_and_sample_drop_too(spark: SparkSession, tmp_path: Path) -> None:
    rows = logged_rows(400, seed=3)
    window = {"start": seconds(500), "end": seconds(900)}
    traffic = opened(spark, tmp_path, rows, window=window, where="id % 3 = 0 -- some", sample={"rate": 0.5})
    kept = {row["id"] for row in scan_dataframe(spark, traffic, ["id"]).toArrow().to_pylist()}
    selected = [row for row in rows if row["id"] in kept]
    assert 10 < len(selected) < 100
    assert all(row["id"] % 3 == 0 and 500 <= row["at"] < 900 for row in selected)
    assert check(spark, traffic, rows, selected) > len(selected)


def test_where_that_is_null_drops_a_row_but_not_its_history(spark: SparkSession, tmp_path: Path) -> None:
    rows = logged_rows(200, seed=4)
    traffic = opened(spark, tmp_path, rows, where="x > 0.5")
    selected = [row for row in rows if row["x"] is not None and row["x"] > 0.5]
    assert check(spark, traffic, rows, selected) > 0


def test_the_same_whatever_the_partitions_and_files(spark: SparkSession, tmp_path: Path) -> None:
    rows = logged_rows(300, seed=5)
    found = []
    before = str(spark.conf.get("spark.sql.shuffle.partitions"))
    for files, partitions in ((1, "1"), (5, "7")):
        folder = tmp_path / str(files)
        traffic = opened(spark, folder, rows if files == 1 else rows[::-1], files)
        stale = [StaleColumn("old", "a.b `c`?", timedelta(seconds=60))]
        spark.conf.set("spark.sql.shuffle.partitions", partitions)
        try:
            found.append(side_dataframe(spark, traffic, ["id"], [], stale).toArrow().sort_by("id"))
        finally:
            spark.conf.set("spark.sql.shuffle.partitions", before)
    assert found[0].equals(found[1])


def test_rows_of_one_key_and_time_are_told_apart_by_their_values(spark: SparkSession, tmp_path: Path) -> None:
    """A key is unique among the selected rows only; what was logged before may have it several times."""
    row = logged_rows(1, 0)[0]
    rows = []
    for place, order in enumerate(itertools.permutations((1.0, 2.0, 3.0))):
        user = f"u{place}"
        rows += [{**row, "user": user, "at": 0, "x": x} for x in order]
        rows.append({**row, "user": user, "at": 100, "id": place})
    traffic = opened(spark, tmp_path, rows, files=1, where="at = 100")
    found = side_dataframe(spark, traffic, ["id"], [], [StaleColumn("old", "x", timedelta(seconds=10))]).toArrow()
    assert sorted(found["id"].to_pylist()) == list(range(6))
    assert len(set(found["old"].to_pylist())) == 1
    assert found["old"][0].as_py() in (1.0, 2.0, 3.0)


def test_a_null_that_was_logged_is_not_a_missing_history(spark: SparkSession, tmp_path: Path) -> None:
    row = logged_rows(1, 0)[0]
    rows = [{**row, "id": 0, "user": "a", "at": 0, "x": None}, {**row, "id": 1, "user": "a", "at": 100}]
    lag = timedelta(seconds=10)
    frame = side_dataframe(spark, opened(spark, tmp_path, rows), ["id"], [], [StaleColumn("old", "x", lag)])
    assert frame.toArrow().sort_by("id").to_pylist() == [
        {"id": 0, "old": None, known_name(lag): False},
        {"id": 1, "old": None, known_name(lag): True},
    ]


@pytest.mark.parametrize(
    "times",
    [
        pa.array([0, 3_599_999_999, 3_600_000_000, 3_600_000_001], pa.timestamp("us", tz="UTC")),
        pa.array([0, 3_599_999_999, 3_600_000_000, 3_600_000_001], pa.timestamp("us")),
        pa.array([0, 3_599_999_999_000, 3_600_000_000_000, 3_600_000_001_999], pa.timestamp("ns", tz="UTC")),
    ],
    ids=["zone", "no zone", "nanoseconds"],
)
def test_exactly_as_old_as_the_lag_is_old_enough(spark: SparkSession, tmp_path: Path, times: pa.Array) -> None:
    write(tmp_path / "t.parquet", pa.table({"id": range(4), "user": ["a"] * 4, "at": times, "x": [10, 11, 12, 13]}))
    window = {"start": EPOCH + timedelta(microseconds=1), "end": EPOCH + timedelta(hours=2)}
    traffic = open_traffic(spark, traffic_config(tmp_path, entity="user", time="at", window=window))
    stale = [
        StaleColumn("hour", "x", timedelta(hours=1)),
        StaleColumn("tick", "x", timedelta(microseconds=1)),
        StaleColumn("now", "x", timedelta(0)),
        StaleColumn("never", "x", timedelta.max),
    ]
    found = side_dataframe(spark, traffic, ["id"], [], stale).toArrow().sort_by("id")
    assert found["id"].to_pylist() == [1, 2, 3]
    assert found["hour"].to_pylist() == [None, 10, 10]
    assert found["tick"].to_pylist() == [10, 11, 12]
    assert found["now"].to_pylist() == [11, 12, 13]
    assert found["never"].to_pylist() == [None, None, None]


def test_the_window_is_pushed_down_to_the_files_and_history_needs_few_columns(
    spark: SparkSession, tmp_path: Path
) -> None:
    traffic = opened(spark, tmp_path, logged_rows(50, 0), window={"start": seconds(500), "end": seconds(600)})
    stale = [StaleColumn("old", "x", timedelta(seconds=60))]
    frame = side_dataframe(spark, traffic, ["id", "vec", "ctx"], [], stale)
    plan = frame._jdf.queryExecution().executedPlan().toString()
    scans = [line for line in plan.splitlines() if "FileScan" in line]
    assert [("vec" in line.split("ReadSchema")[1]) for line in scans] == [True, False, False]
    assert "GreaterThanOrEqual(at,500), LessThan(at,600)" in scans[0]
    assert "LessThan(at,540)" in scans[1]
    assert "LessThan(at,441)" in scans[2]


def test_an_entity_or_time_that_is_not_named(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "t.parquet", pa.table({"id": [1], "user": ["a"], "at": [0]}))
    stale = [StaleColumn("old", "id", timedelta(seconds=1))]
    for settings, missing in (({"time": {"column": "at", "unit": "s"}}, "entity"), ({"entity": "user"}, "time")):
        traffic = open_traffic(spark, traffic_config(tmp_path, **settings))
        with pytest.raises(ConfigError) as caught:
            side_dataframe(spark, traffic, ["id"], [], stale)
        assert caught.value.problems[0].path == f"traffic.{missing}"


def test_features_that_cannot_be_looked_up(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "t.parquet", pa.table({"id": [1], "at": [0], "t": pa.array([1], pa.time64("us"))}))
    traffic = open_traffic(spark, traffic_config(tmp_path, entity="id", time={"column": "at", "unit": "s"}))
    lag = timedelta(seconds=1)
    with pytest.raises(TrafficError, match="no column `y`"):
        stale_dataframe(spark, traffic, {}, [], [StaleColumn("old", "y", lag)])
    with pytest.raises(TrafficError, match=r"`t`: Spark does not read time64"):
        stale_dataframe(spark, traffic, {}, [], [StaleColumn("old", "t", lag)])
    with pytest.raises(ValueError, match="expected 0 or more"):
        StaleColumn("old", "id", timedelta(seconds=-1))
