"""Codes of groups: integers as they are, of all else the hash that Spark has."""

from __future__ import annotations

import pyarrow as pa

from replay.spark.tasks.grouping import Grouping
from replay.xxh64 import spark_xxhash64

BATCH = pa.record_batch(
    {
        "text": pa.array(["a", None, "b", "a"]),
        "number": pa.array([7, -1, None, 7], pa.int16()),
        "bad": pa.array([None, None, None, "why"]),
        "value": pa.array([0, 1, 2, 3]),
    }
)


def test_integers_tell_groups_apart_as_they_are():
    coded = Grouping("number", "code").coded(BATCH, ("value",))
    assert coded.schema == pa.schema([("code", pa.int64()), ("value", pa.int64())])
    assert coded.to_pydict() == {"code": [7, -1, 7], "value": [0, 1, 3]}


def test_other_groups_are_hashed_and_rejected_rows_left_out():
    grouping = Grouping("text", "code", "bad")
    coded = grouping.coded(BATCH, ("value", "number"))
    assert coded.to_pydict() == {
        "code": spark_xxhash64([pa.array(["a", "b"])]).tolist(), "value": [0, 2], "number": [7, None]
    }  # fmt: skip
    assert grouping.reads(("value", "text")) == ("text", "bad", "value")
    assert Grouping("text", "code").reads(("value",)) == ("text", "value")
