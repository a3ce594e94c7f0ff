"""Rows drawn by hash."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from scipy import stats

from replay.errors import ConfigError, TrafficError
from replay.traffic import draw_donors, open_traffic
from tests.traffic.tables import traffic_config, write

pytestmark = pytest.mark.spark

ROWS = 2000


def logged() -> pa.Table:
    ids = np.arange(ROWS)
    return pa.table(
        {
            "id": ids,
            "item": [f"i{row % 7}" for row in ids],
            "x": pa.array(ids * 0.5, pa.float32()),
            "ctx": [{"vec": [float(row), None], "n": int(row)} for row in ids],
            "big": pa.array(2**64 - 1 - ids.astype(np.uint64), pa.uint64()),
            "at": pa.array(ids, pa.timestamp("us", tz="UTC")),
            "odd.`name`?": pa.array(ids % 100, pa.int8()),
            "score": np.zeros(ROWS),
        }
    )


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("donors") / "t.parquet", logged(), row_group_size=500)


def ids(spark: SparkSession, path: Path, most: int, seed: int = 0, **settings: Any) -> list[int]:
    return draw_donors(spark, open_traffic(spark, traffic_config(path, **settings)), [], ["id"], most=most, seed=seed)[
        "id"
    ].to_pylist()


@pytest.mark.parametrize(("most", "expected"), [(0, 0), (1, 1), (300, 300), (1999, 1999), (2000, 2000), (65_536, 2000)])
def test_exactly_so_many_rows_each_once(spark: SparkSession, path: Path, most: int, expected: int) -> None:
    drawn = ids(spark, path, most)
    assert len(drawn) == len(set(drawn)) == expected


def test_only_of_the_selected_rows(spark: SparkSession, path: Path) -> None:
    window = {"start": "1970-01-01T00:00:00.000500Z", "end": "1970-01-01T00:00:00.000800Z"}
    drawn = ids(spark, path, 1000, where="id % 2 = 0", time="at", window=window)
    assert sorted(drawn) == list(range(500, 800, 2))
    assert ids(spark, path, 1000, where="id < 0") == []


def test_more_rows_are_the_same_rows_and_others(spark: SparkSession, path: Path) -> None:
    assert ids(spark, path, 100) == ids(spark, path, 700)[:100]


def test_every_row_is_as_likely(spark: SparkSession, tmp_path: Path) -> None:
    """Over many seeds, how often each of 20 rows is among the 10 that are drawn."""
    write(tmp_path / "t.parquet", logged().slice(0, 20))
    seeds = 25
    counts = np.bincount([row for seed in range(seeds) for row in ids(spark, tmp_path, 10, seed)], minlength=20)
    assert counts.sum() == seeds * 10
    # A count is binomial with variance seeds * p * (1 - p); that they add up takes one degree of freedom.
    statistic = ((counts - 12.5) ** 2 / (seeds * 0.5 * 0.5)).sum() * 19 / 20
    low, high = stats.chi2(19).ppf([1e-4, 1 - 1e-4])
    assert low < statistic < high


def test_the_values_that_are_drawn_are_spread_over_the_table(spark: SparkSession, path: Path) -> None:
    assert stats.kstest(ids(spark, path, 400), stats.uniform(0, ROWS).cdf).pvalue > 1e-4


def test_the_same_whatever_the_files_and_partitions(spark: SparkSession, path: Path, tmp_path: Path) -> None:
    draw = np.random.default_rng(0).permutation(ROWS)
    for place, part in enumerate(np.array_split(draw, 5)):
        write(tmp_path / f"{place}.parquet", logged().take(pa.array(part)))
    before = str(spark.conf.get("spark.sql.shuffle.partitions"))
    expected = ids(spark, path, 300)
    spark.conf.set("spark.sql.shuffle.partitions", "7")
    try:
        assert ids(spark, tmp_path, 300) == expected
    finally:
        spark.conf.set("spark.sql.shuffle.partitions", before)


def test_values_come_in_the_types_that_were_logged(spark: SparkSession, path: Path) -> None:
    traffic = open_traffic(spark, traffic_config(path, key=["id", "item"]))
    features = ["ctx.vec", "big", "at", "odd.`name`?", "x", "id"]
    drawn = draw_donors(spark, traffic, features, ["id", "item"], most=50)
    assert drawn.column_names == ["id", "item", "ctx.vec", "big", "at", "odd.`name`?", "x"]
    assert drawn.schema.field("big").type == pa.uint64()
    assert drawn.schema.field("at").type == pa.timestamp("us", tz="UTC")
    assert drawn.schema.field("x").type == pa.float32()
    assert drawn.schema.field("odd.`name`?").type == pa.int8()
    for row in drawn.to_pylist():
        assert row["item"] == f"i{row['id'] % 7}"
        assert row["ctx.vec"] == [float(row["id"]), None]
        assert row["big"] == 2**64 - 1 - row["id"]
        assert row["odd.`name`?"] == row["id"] % 100


def test_values_that_only_python_reads(spark: SparkSession, tmp_path: Path) -> None:
    table = pa.table(
        {
            "id": [0, 1],
            "half": pa.array([np.float16(0.5), None]),
            "ns": pa.array([1_999, None], pa.timestamp("ns")),
            "nested": [[{"a": 1}], None],
            "money": [Decimal("1.50"), None],
        }
    )
    write(tmp_path / "t.parquet", table)
    traffic = open_traffic(spark, traffic_config(tmp_path))
    drawn = draw_donors(spark, traffic, ["half", "ns", "nested", "money"], ["id"]).sort_by("id")
    assert drawn["half"].type == pa.float16()
    assert drawn["half"].to_pylist() == [0.5, None]
    assert drawn["ns"].cast(pa.int64()).to_pylist() == [1_000, None]  # to the microsecond
    assert drawn["nested"].to_pylist() == [[{"a": 1}], None]
    assert drawn["money"].to_pylist() == [Decimal("1.50"), None]


def test_what_cannot_be_drawn(spark: SparkSession, path: Path) -> None:
    with pytest.raises(TrafficError, match="no column `y`"):
        draw_donors(spark, open_traffic(spark, traffic_config(path)), ["y"], ["id"])
    with pytest.raises(ConfigError, match="nobody"):
        draw_donors(spark, open_traffic(spark, traffic_config(path, where="nobody = 1")), [], ["id"])
