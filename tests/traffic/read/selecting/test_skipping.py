"""Row groups and files that a condition cannot reach are not read; all rows that fulfil it still are."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from replay.traffic import open_traffic, plan_splits, read_split
from replay.traffic.read.columns import plan_reading
from replay.traffic.read.splits import make_splits
from tests.traffic.tables import read_direct, traffic_config, write

pytestmark = pytest.mark.spark

ROWS, GROUP = 1000, 100


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten row groups; every column but `nan` grows from each to the next."""
    ids = list(range(ROWS))
    floats = [float(row) for row in ids]
    table = pa.table(
        {
            "id": ids,
            "small": pa.array(ids, pa.int32()),
            "real": floats,
            "single": pa.array(floats, pa.float32()),
            "nan": [float("nan") if row % GROUP == 50 else float(row) for row in ids],
            "text": [f"{row:04}" for row in ids],
            "long_text": [f"{row:040}" for row in ids],
            "day": pa.array([date.fromordinal(730_000 + row) for row in ids]),
            "at": pa.array([row * 1_000_000 for row in ids], pa.timestamp("us", "UTC")),
            "gap": pa.array([None if row < 500 else row for row in ids], pa.int64()),
            "in": pa.array([{"side": row} for row in ids]),
            "a.b": ids,
            "dec": pa.array(ids).cast(pa.decimal128(21, 2)),
        }
    )
    return write(tmp_path_factory.mktemp("groups") / "t.parquet", table, row_group_size=GROUP)


@pytest.mark.parametrize(
    ("where", "groups"),
    [
        ("id < 150", 2),
        ("id <= 100", 2),
        ("id < 100", 1),
        ("id >= 900", 1),
        ("899 < id", 1),
        ("id = 250", 1),
        ("id <=> 250", 1),
        ("id in (5, 250, 5000)", 2),
        ("id between 250 and 450", 3),
        ("id > 300 and id < 500 and text != ''", 2),
        ("id > 2000", 0),
        ("small < 50L", 1),  # a cast that keeps every value
        ("real < 100", 1),
        ("real = 250.5", 1),
        ("single <= 99.0", 1),
        ("text = '0250'", 1),
        ("text >= '0900' and text < '0950'", 1),
        ("day < '1999-10-01'", 1),
        ("at >= '1970-01-01 00:15:00'", 1),
        ("in.side = 7", 1),
        ("gap < 600", 1 + 5),  # of a row group of nulls alone nothing is told
        ("not isnan(nan) and nan < 100", 1),
        # What statistics do not tell, or might tell wrongly, is read.
        ("real > 900", 10),  # NaN would be greater
        ("nan >= 900", 10),
        ("long_text = 'x'", 10),
        ("`a.b` = 5", 10),
        ("dec < 5", 10),
        ("id != 5", 10),
        ("id = 5 or id = 995", 10),
        ("id + 0L < 5", 10),
        ("cast(real as float) < 5", 10),
        ("id = null", 10),
        ("xxhash64(id) > 0", 10),
    ],
)
def test_row_groups_that_cannot_hold_a_row(spark: SparkSession, path: Path, where: str, groups: int) -> None:
    traffic = open_traffic(spark, traffic_config(path, where=where))
    assert traffic.direct_problem is None
    plan = plan_splits(spark, traffic, ["id"])
    assert plan.num_rows == groups * GROUP
    whole = plan_reading(traffic, ["id"])
    everywhere = [batch for split in make_splits(traffic.files, None) for batch in read_split(split, whole)]
    assert read_direct(spark, traffic, ["id"]) == pa.Table.from_batches(everywhere, whole.schema)


@pytest.mark.parametrize(
    "where", ["country = 'DE'", "country != 'FR' and id < 30", "country in ('DE')", "country like 'D%'"]
)
def test_files_of_another_partition_are_not_opened(spark: SparkSession, tmp_path: Path, where: str) -> None:
    for place, country in enumerate(("DE", "FR")):
        table = pa.table({"id": range(place * 10, place * 10 + 10)})
        write(tmp_path / f"country={country}" / "t.parquet", table)
    traffic = open_traffic(spark, traffic_config(tmp_path, where=where))
    plan = plan_splits(spark, traffic, ["id"])
    assert {piece.path for split in plan.splits for piece in split.pieces} == {f"{tmp_path}/country=DE/t.parquet"}
    assert read_direct(spark, traffic, ["id"])["id"].to_pylist() == list(range(10))


def test_a_condition_that_may_fail_skips_nothing(spark: SparkSession, path: Path) -> None:
    """A row for which it has no value must be told."""
    traffic = open_traffic(spark, traffic_config(path, where="cast(id as int) < 50"))
    assert traffic.direct_problem is None
    assert plan_splits(spark, traffic, ["id"]).num_rows == ROWS


def test_files_with_other_types_than_the_table_are_read(spark: SparkSession, tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", pa.table({"id": pa.array([1, 2], pa.int32())}))
    write(tmp_path / "b.parquet", pa.table({"id": pa.array([2**40, 3], pa.int64())}))
    pq.write_table(pa.table({"other": [1]}), tmp_path / "c.parquet")
    traffic = open_traffic(spark, traffic_config(tmp_path, where="id >= 2"))
    assert sorted(read_direct(spark, traffic, ["id"])["id"].to_pylist()) == [2, 3, 2**40]
