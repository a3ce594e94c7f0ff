"""Copies left out by Spark: plain Python says which rows there are."""

from __future__ import annotations

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from replay.spark.guest import arrow_dataframe
from replay.traffic.copies import without_copies

pytestmark = pytest.mark.spark

ROWS = [
    {"id": place % 5, "a.b": float(place % 3), "map": [("k", place % 2)], "list": [place % 2, None]}
    for place in range(60)
]
TABLE = pa.Table.from_pylist(
    ROWS,
    pa.schema(
        [
            ("id", pa.int64()),
            ("a.b", pa.float64()),
            ("map", pa.map_(pa.string(), pa.int64())),
            ("list", pa.list_(pa.int64())),
        ]
    ),
)


@pytest.mark.parametrize("rows", [None, 60, 1_000_000])
def test_one_of_each(spark: SparkSession, rows: int | None) -> None:
    found = without_copies(arrow_dataframe(spark, TABLE), [F.col("id")], rows).toArrow()
    assert found.schema.names == TABLE.schema.names
    assert sorted(map(repr, found.to_pylist())) == sorted({repr(row) for row in ROWS})


def test_their_order_is_that_of_the_keys(spark: SparkSession) -> None:
    twice = [
        without_copies(arrow_dataframe(spark, table), [F.col("id")], 60).toArrow()["id"].to_pylist()
        for table in (TABLE, TABLE.take(pa.array(range(59, -1, -1))))
    ]
    assert twice[0] == twice[1] == sorted(twice[0])
