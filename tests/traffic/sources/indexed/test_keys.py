"""Keys of two tables in one type: equal where Spark's join finds them equal, and equal ones have one digest."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from replay.config import SourceConfig
from replay.traffic import PinnedSource, PinnedTraffic, open_source, open_traffic
from replay.traffic.read.scan import selected_dataframe
from replay.traffic.sources.indexed.keys import are_equal, digests_of, keys_of_both
from replay.traffic.sources.matches import key_columns_of
from tests.traffic.tables import traffic_config, write

NAN, ZERO = float("nan"), -0.0
NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)

COLUMNS: dict[str, tuple[pa.DataType, list[Any], pa.DataType, list[Any]]] = {
    "whole numbers": (pa.int16(), [1, None, -3], pa.int64(), [1, None, 2**40]),
    "numbers": (pa.float32(), [0.5, NAN, 0.0, None], pa.float64(), [0.5, NAN, ZERO, 0.1]),
    "texts": (pa.string(), ["a", "", None, "ä"], pa.string(), ["a", "", None, "a"]),
    "bytes": (pa.binary(), [b"\0", b"", None], pa.binary(), [b"\0", b"x", b""]),
    "days": (pa.date32(), [date(2024, 3, 1), None], pa.date32(), [date(2024, 3, 1), date(1969, 1, 1)]),
    "times": (pa.timestamp("us", "UTC"), [NOON, None], pa.timestamp("us", "UTC"), [NOON, NOON]),
    "times to the nanosecond": (
        pa.timestamp("ns", "UTC"),
        [1_000_999, -1, None],
        pa.timestamp("ns", "UTC"),
        [1_000_001, -1_000, 5],
    ),
    "truth": (pa.bool_(), [True, False, None], pa.bool_(), [True, True, None]),
    "decimals": (pa.decimal128(9, 0), [Decimal(5), None], pa.decimal128(30, 0), [Decimal(5), Decimal(6)]),
    "unsigned": (pa.uint64(), [2**64 - 1, 3], pa.uint64(), [2**64 - 1, 4]),
}


def opened(spark: SparkSession, folder: Path, here: pa.Array, there: pa.Array) -> tuple[PinnedTraffic, PinnedSource]:
    ids = [f"r{row}" for row in range(len(here))]
    write(folder / "traffic" / "t.parquet", pa.table({"id": ids, "k": here, "score": [0.5] * len(here)}))
    write(folder / "served" / "t.parquet", pa.table({"kk": there, "n": range(len(there))}))
    config = traffic_config(folder / "traffic")
    source = SourceConfig.model_validate({"path": str(folder / "served"), "key": {"k": "kk"}})
    return open_traffic(spark, config), open_source(spark, "served", source, config)


@pytest.mark.spark
@pytest.mark.parametrize("name", COLUMNS)
def test_keys_meet_as_in_a_join_of_spark(spark: SparkSession, tmp_path: Path, name: str):
    ours, here, theirs, there = COLUMNS[name]
    traffic, source = opened(spark, tmp_path, pa.array(here, ours), pa.array(there, theirs))
    mine, other = keys_of_both(traffic.schema, source)
    left = mine.arrays(pa.RecordBatch.from_pydict({"k": pa.array(here, traffic.schema.field("k").type)}))
    right = other.arrays(pa.RecordBatch.from_pydict({"kk": pa.array(there, source.table.schema.field("kk").type)}))
    pairs = [(one, two) for one in range(len(here)) for two in range(len(there))]
    left_pairs = [column.take(pa.array([one for one, _ in pairs])) for column in left]
    right_pairs = [column.take(pa.array([two for _, two in pairs])) for column in right]
    equal = are_equal(left_pairs, right_pairs)
    digests, whole = digests_of(left_pairs)
    others, _ = digests_of(right_pairs)

    rows, table = (selected_dataframe(spark, each) for each in (traffic, source.table))
    ((key,), (key_there,)) = key_columns_of(traffic, source)
    joined = rows.withColumn("key", key).join(table.withColumn("there", key_there), F.expr("key = there"))
    expected = {(int(row["id"][1:]), row["n"]) for row in joined.select("id", "n").collect()}
    assert {pair for pair, same in zip(pairs, equal, strict=True) if same} == expected
    assert expected
    assert (digests == others)[equal].all()
    assert whole.tolist() == [here[one] is not None for one, _ in pairs]


def test_of_several_columns_all_have_to_be_equal():
    left = [pa.array(["a", "a", None]), pa.array([1, 2, 3])]
    right = [pa.array(["a", "a", "a"]), pa.array([1, 1, 3])]
    assert are_equal(left, right).tolist() == [True, False, False]
    assert digests_of(left)[1].tolist() == [True, True, False]
