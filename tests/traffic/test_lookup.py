"""Rows by key."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from replay.errors import TrafficError
from replay.traffic import find_rows, lookup, open_traffic, resolve_condition
from replay.traffic.read.direct import ReadPlan, Split
from replay.traffic.read.splits import make_splits
from tests.traffic.tables import data_file, traffic_config, write

pytestmark = pytest.mark.spark

ROWS = 10_000


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    ids = np.arange(ROWS)
    table = pa.table(
        {
            "request": [f"r{row // 2}" for row in ids],
            "item": pa.array(ids % 2, pa.int32()),
            "at": pa.array(ids * 1001, pa.timestamp("ns", tz="UTC")),
            "vec": pa.array([[float(row), None] for row in ids], pa.list_(pa.float32())),
            "category": pa.array([f"c{row % 7}" for row in ids]).dictionary_encode(),
        }
    )
    return write(tmp_path_factory.mktemp("lookup") / "t.parquet", table, row_group_size=1000)


KEYS = [{"request": "r4000", "item": 1}, {"request": "r7", "item": 0}, {"request": "none", "item": 0}]


@pytest.mark.parametrize("where", [None, "item >= 0", "ln(item + 1) >= 0"])
def test_rows_come_in_the_order_of_the_keys(spark: SparkSession, path: Path, where: str | None) -> None:
    traffic = open_traffic(spark, traffic_config(path, key=["request", "item"], where=where))
    assert (traffic.direct_problem is None) == (where is None or "ln" not in where)
    found = find_rows(spark, traffic, KEYS, ["vec", "category"])
    assert found.to_pylist() == [
        {"request": "r4000", "item": 1, "vec": [8001.0, None], "category": "c0"},
        {"request": "r7", "item": 0, "vec": [14.0, None], "category": "c0"},
    ]
    assert find_rows(spark, traffic, KEYS[2:], ["vec"]).num_rows == 0
    assert find_rows(spark, traffic, [], ["vec"]).schema.names == ["request", "item", "vec"]


def test_nanoseconds_stay_on_the_direct_path(spark: SparkSession, path: Path) -> None:
    traffic = open_traffic(spark, traffic_config(path, key=["request", "item"]))
    found = find_rows(spark, traffic, KEYS[:1], ["at"])
    assert found["at"].cast(pa.int64()).to_pylist() == [8001 * 1001]


@pytest.mark.parametrize("where", [None, "item >= 0", "ln(item + 1) >= 0"])
def test_texts_of_the_command_line_are_read_as_the_column_s_type(
    spark: SparkSession, path: Path, where: str | None
) -> None:
    traffic = open_traffic(spark, traffic_config(path, key=["request", "item"], where=where))
    assert find_rows(spark, traffic, [{"request": "r7", "item": "1"}], ["vec"])["vec"].to_pylist() == [[15.0, None]]
    with pytest.raises(TrafficError, match="key column `item` is int32: 'one' cannot be one of its values"):
        find_rows(spark, traffic, [{"request": "r7", "item": "one"}], [])
    with pytest.raises(TrafficError, match="the key has no `item`"):
        find_rows(spark, traffic, [{"request": "r7"}], [])


def test_rows_outside_of_the_window_are_not_found(spark: SparkSession, path: Path) -> None:
    window = {"start": datetime(1970, 1, 1, 0, 0, 0, 8000, tzinfo=UTC)}
    traffic = open_traffic(spark, traffic_config(path, key=["request", "item"], time="at", window=window))
    assert find_rows(spark, traffic, KEYS, [])["request"].to_pylist() == ["r4000"]


@pytest.mark.parametrize("where", [None, "true"])
@pytest.mark.parametrize(
    ("values", "asked"),
    [
        (pa.array([1.0, float("nan")]), float("nan")),
        (pa.array([Decimal("1.10"), Decimal("2.50")]), "2.5"),
        (pa.array([0, 1_700_000_000_000_000], pa.timestamp("us", tz="UTC")), "2023-11-14T22:13:20+00:00"),
        (pa.array([0, 1_700_000_000_000_000], pa.timestamp("us")), "2023-11-14T22:13:20"),
        (pa.array([1, 2**64 - 1], pa.uint64()), str(2**64 - 1)),
        (pa.array([1, 2**64 - 1], pa.uint64()), Decimal(2**64 - 1)),
        (pa.array([b"a", b"b"]), b"b"),
        (pa.array([b"a", b"b"]), "b"),
        (pa.array([b"a", b"\x02\xff\x01"]), "0x02ff01"),
        (pa.array([b"A", b"0x41"]), "0x30783431"),
        (pa.array([False, True]), "True"),
        (pa.array([1, 1_700_000_000_000_000_123], pa.timestamp("ns")), "2023-11-14T22:13:20"),
        (pa.array(["a", "b"]).dictionary_encode(), "b"),
    ],
)
def test_keys_of_any_type(
    spark: SparkSession, tmp_path: Path, values: pa.Array, asked: object, where: str | None
) -> None:
    write(tmp_path / "t.parquet", pa.table({"id": values, "row": [0, 1]}))
    traffic = open_traffic(spark, traffic_config(tmp_path, where=where))
    assert find_rows(spark, traffic, [{"id": asked}], ["row"])["row"].to_pylist() == [1]


def test_feature_columns_are_read_of_row_groups_with_a_match_only(
    spark: SparkSession, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = open_traffic(spark, traffic_config(path, key=["request", "item"])).schema
    key = tuple(lookup.require_column(schema, name) for name in ("request", "item"))
    wanted = lookup._wanted(key, KEYS)
    read: list[tuple[tuple[str, ...], tuple[int, ...]]] = []
    whole = lookup.read_split

    def spy(split: Split, plan: ReadPlan) -> object:
        read.append((tuple(plan.schema.names), split.pieces[0].row_groups))
        return whole(split, plan)

    monkeypatch.setattr(lookup, "read_split", spy)
    keys_only = ReadPlan(pa.schema([schema.field("request"), schema.field("item")]), None)
    for split in make_splits([data_file(path)], None):
        list(lookup.find_in_split(split, keys_only, ReadPlan(schema, None), wanted))
    assert [groups for names, groups in read if "vec" in names] == [(0,), (8,)]
    assert sorted(groups[0] for names, groups in read if "vec" not in names) == list(range(10))


def test_conditions_come_beside_the_row(spark: SparkSession, path: Path) -> None:
    traffic = open_traffic(spark, traffic_config(path, key=["request", "item"]))
    conditions = [
        resolve_condition(spark, traffic, sql, "scenarios.s[0].where", name)
        for sql, name in (("item = 1", "(one)"), ("category = 'c1'", "(two)"))
    ]
    found = find_rows(spark, traffic, KEYS[:2], ["vec"], conditions)
    assert found.schema.names == ["request", "item", "vec", "(one)", "(two)"]
    assert [(row["(one)"], row["(two)"]) for row in found.to_pylist()] == [(True, False), (False, False)]


def test_no_job_of_sql_is_run_where_tasks_read(
    spark: SparkSession, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    traffic = open_traffic(spark, traffic_config(path, key=["request", "item"]))
    monkeypatch.setattr(lookup, "arrow_dataframe", lambda *_: pytest.fail("Spark was asked"))
    monkeypatch.setattr(SparkSession, "range", lambda *_: pytest.fail("Spark was asked"))
    assert find_rows(spark, traffic, KEYS, ["vec"]).num_rows == 2
