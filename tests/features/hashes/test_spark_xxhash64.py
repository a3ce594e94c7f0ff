from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from replay.config.sections.model.hash import Hash
from replay.features.codecs.hashing import make_hash
from tests.features.hashes.values import TEXTS, hashed


# What Spark 4.2 answers to SELECT xxhash64(...) of one value.
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array(["spark", "Zürich"]), [-1960931134668248110, -2199928141300491114]),
        (pa.array([42], pa.int32()), [-387659249110444264]),
        (pa.array([42], pa.int64()), [-6876166290308861218]),
        (pa.array([Decimal(12345678901234567890)], pa.decimal128(20, 0)), [2312222103909072541]),
    ],
    ids=str,
)
def test_what_spark_answers(values: pa.Array, expected: list[int]) -> None:
    assert hashed("spark_xxhash64", values, 42, signed=True) == expected


@pytest.mark.spark
@pytest.mark.parametrize(
    ("sql", "kind", "values"),
    [
        ("string", pa.string(), TEXTS),
        ("smallint", pa.int16(), [0, -1, 2**15 - 1]),
        ("int", pa.int32(), [0, -1, 2**31 - 1, -(2**31), 7919]),
        ("bigint", pa.int64(), [0, -1, 2**63 - 1, -(2**63), 2**40]),
        ("decimal(18,0)", pa.decimal128(18, 0), [Decimal(0), Decimal(-1), Decimal(10**17)]),
        ("decimal(30,0)", pa.decimal128(30, 0), [Decimal(0), Decimal(-(2**63)), Decimal(2**64)]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_both_functions_are_those_of_spark_itself(
    spark: SparkSession, sql: str, kind: pa.DataType, values: list[Any]
) -> None:
    frame = spark.createDataFrame([(value,) for value in values], f"c {sql}").coalesce(1)
    rows = frame.selectExpr("pmod(hash(c), 100003)", "pmod(xxhash64(c), 100003)").collect()
    for place, function in enumerate(("spark_hash", "spark_xxhash64")):
        found = make_hash(Hash(function=function, buckets=100003))(pa.array(values, kind))
        assert found.tolist() == [row[place] for row in rows]
