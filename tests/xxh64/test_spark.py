"""Rows hashed as Spark hashes them, against Spark: every type of a key, alone and chained."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from replay.xxh64 import hashes_as_spark, spark_xxhash64

NAN_WITH_PAYLOAD = np.array([0x7FF8000000000123], np.uint64).view(np.float64)[0]
DOUBLES = [0.0, -0.0, 1.5, -1.5, float("nan"), -float("nan"), float("inf"), float("-inf"), 5e-324, 1e300, None]
TIMES = [datetime(1970, 1, 1), datetime(1969, 12, 31, 23, 59, 59, 999999), datetime(9999, 12, 31), None]
TEXTS = ["", "a", "é", "😀", "request-17", "x" * 31, "x" * 32, "y" * 33, "z" * 300, "\x00", None]


def _around(digits: int) -> list[Decimal | None]:
    most = 10**digits - 1
    steps = (0, 1, 127, 128, 255, 256, 32767, 32768, 2**31, 2**63 - 1, 2**63, 2**64, 2**120, most)
    whole = [sign * step for step in steps for sign in (1, -1) if step <= most]
    return [*(Decimal(f"{number}E-2") for number in whole), None]


COLUMNS = {
    "flag": pa.array([True, False, None]),
    "tiny": pa.array([0, 1, -1, 127, -128, None], pa.int8()),
    "short": pa.array([0, -32768, 32767, None], pa.int16()),
    "whole": pa.array([0, 1, -1, 2**31 - 1, -(2**31), None], pa.int32()),
    "long": pa.array([0, 1, -1, 2**63 - 1, -(2**63), None], pa.int64()),
    "unsigned": pa.array([0, 1, 127, 128, 2**63, 2**64 - 1, None], pa.uint64()),
    "single": pa.array([*DOUBLES[:8], 1e-45, 3e38, None], pa.float32()),
    "real": pa.array([*DOUBLES, NAN_WITH_PAYLOAD], pa.float64()),
    "day": pa.array([date(1970, 1, 1), date(1, 1, 1), date(9999, 12, 31), None], pa.date32()),
    "instant": pa.array([None if t is None else t.replace(tzinfo=UTC) for t in TIMES], pa.timestamp("us", "UTC")),
    "local": pa.array(TIMES, pa.timestamp("us")),
    "text": pa.array(TEXTS, pa.string()),
    "blob": pa.array([None if text is None else text.encode() + b"\xff" for text in TEXTS], pa.binary()),
    "narrow": pa.array(_around(18), pa.decimal128(18, 2)),
    "few": pa.array([Decimal("1.5"), Decimal("-0.1"), Decimal("0"), None], pa.decimal128(5, 1)),
    "wide": pa.array(_around(38), pa.decimal128(38, 2)),
    "middle": pa.array(_around(19), pa.decimal128(19, 2)),
}
CHAINS = [["text", "long"], ["long", "text", "wide"], ["flag", "real", "day", "blob"], list(COLUMNS)]


@pytest.fixture(scope="module")
def table() -> pa.Table:
    """Every value of every column, each column in a cycle of its own length."""
    rows = 1500
    return pa.table({name: values.take(pa.array(np.arange(rows) % len(values))) for name, values in COLUMNS.items()})


@pytest.mark.spark
def test_the_hash_is_sparks(spark: SparkSession, table: pa.Table, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(table, path)
    chains = [*([name] for name in COLUMNS), *CHAINS]
    selected = [f"xxhash64({', '.join(chain)}) AS c{place}" for place, chain in enumerate(chains)]
    theirs = spark.read.parquet(str(path)).selectExpr(*selected).toArrow()
    ours = [spark_xxhash64([table[name].combine_chunks() for name in chain]).tolist() for chain in chains]
    differ = [chain for place, chain in enumerate(chains) if ours[place] != theirs[f"c{place}"].to_pylist()]
    assert differ == []


def test_a_row_of_nulls_has_the_seed() -> None:
    assert spark_xxhash64([pa.array([None], pa.int64()), pa.array([None], pa.string())]).tolist() == [42]


def test_a_slice_is_hashed_as_its_rows(table: pa.Table) -> None:
    whole = [table[name].combine_chunks() for name in COLUMNS]
    part = [column[100:200] for column in whole]
    assert spark_xxhash64(part).tolist() == spark_xxhash64(whole).tolist()[100:200]
    assert spark_xxhash64([column[:0] for column in whole]).tolist() == []


def test_what_is_hashed_and_what_is_not(table: pa.Table) -> None:
    assert [field.name for field in table.schema if not hashes_as_spark(field.type)] == []
    others = [
        *(pa.timestamp("ns"), pa.float16(), pa.time64("us"), pa.list_(pa.int64()), pa.struct([("a", pa.int32())])),
        *(pa.map_(pa.string(), pa.int32()), pa.decimal256(40, 2), pa.null(), pa.uint8(), pa.uint32(), pa.date64()),
    ]
    assert [dtype for dtype in others if hashes_as_spark(dtype)] == []
