"""A look at a table: some rows of it, and how well columns identify them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from replay.config import TrafficConfig
from replay.traffic import SAMPLE_ROWS, DirectLook, KeyCount, ScannedLook, open_plain_parquet, open_traffic
from replay.traffic.read import look as module

TABLE = pa.table(
    {
        "request": ["a", "a", "b", "b", "b", None],
        "item": [1, 2, 1, 1, 3, 1],
        "nested": [{"id": place} for place in range(6)],
    }
)
KEYS = (("request",), ("request", "item"), ("nested.id",))
COUNTS = (
    KeyCount(("request",), rows=6, distinct=3, repeated=5, nulls=1),
    KeyCount(("request", "item"), rows=6, distinct=5, repeated=2, nulls=1),
    KeyCount(("nested.id",), rows=6, distinct=6, repeated=0, nulls=0),
)


def config(folder: Path) -> TrafficConfig:
    return TrafficConfig(path=str(folder), key=("request",), score="score")


def direct(folder: Path, table: pa.Table = TABLE) -> DirectLook:
    half = len(table) // 2
    pq.write_table(table.slice(0, half), folder / "a.parquet", row_group_size=2000)
    pq.write_table(table.slice(half), folder / "b.parquet", row_group_size=2000)
    traffic = open_plain_parquet(config(folder), str(folder))
    assert traffic is not None
    return DirectLook(traffic)


def test_keys_are_counted_over_all_files(tmp_path: Path):
    look = direct(tmp_path)

    assert look.num_rows == 6
    assert look.count_keys(KEYS) == COUNTS
    assert [count.unique for count in COUNTS] == [False, False, True]


def test_a_small_table_is_looked_at_whole_and_a_large_one_in_part(tmp_path: Path):
    (tmp_path / "small").mkdir()
    assert direct(tmp_path / "small").sample().sort_by("item").column("item").to_pylist() == [1, 1, 1, 1, 2, 3]
    (tmp_path / "large").mkdir()
    rows = direct(tmp_path / "large", pa.table({"x": range(40_000)})).sample()

    assert rows.num_rows == SAMPLE_ROWS
    assert len(set(rows["x"].to_pylist())) == SAMPLE_ROWS


def test_of_a_huge_table_the_first_rows_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MOST_COUNTED", 10_000)
    [count] = direct(tmp_path, pa.table({"request": range(100_000)})).count_keys(KEYS[:1])

    assert (count.whole, count.unique) == (False, True)
    assert 10_000 <= count.rows < 100_000


def test_no_rows(tmp_path: Path):
    look = direct(tmp_path, TABLE.slice(0, 0))

    assert look.sample().num_rows == 0
    assert look.count_keys(KEYS[:1]) == (KeyCount(("request",), 0, 0, 0, 0),)


@pytest.mark.spark
def test_spark_looks_at_what_only_spark_reads(spark: SparkSession, tmp_path: Path):
    pq.write_table(TABLE, tmp_path / "a.parquet")
    look = ScannedLook(spark, open_traffic(spark, config(tmp_path)))

    assert look.count_keys(KEYS) == COUNTS
    assert sorted(look.sample()["item"].to_pylist()) == [1, 1, 1, 1, 2, 3]
    assert look.num_rows == 6
