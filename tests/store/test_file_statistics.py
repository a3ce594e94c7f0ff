"""Ranges are as wide as the values, or are left out."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.store.file_statistics import FileStatistics


def stats(*tables: pa.Table, indexed: int = 32) -> dict[str, Any]:
    collected = FileStatistics(tables[0].schema, indexed)
    for table in tables:
        collected.update(table)
    found: dict[str, Any] = json.loads(collected.to_json())
    return found


def bounds(values: list[Any], dtype: pa.DataType) -> tuple[Any, Any]:
    found = stats(pa.table({"a": pa.array(values, dtype)}))
    return found["minValues"].get("a"), found["maxValues"].get("a")


def test_the_whole_of_it():
    first = pa.table({"k": ["b", "a"], "n": pa.array([3, None], pa.int32()), "late": [1.0, 2.0]})
    second = pa.table({"k": ["c", None], "n": pa.array([None, -1], pa.int32()), "late": [1.0, 2.0]})
    assert stats(first, second, indexed=2) == {
        "numRecords": 4,
        "minValues": {"k": "a", "n": -1},
        "maxValues": {"k": "c", "n": 3},
        "nullCount": {"k": 1, "n": 2},
    }


@pytest.mark.parametrize(
    ("values", "dtype", "low", "high"),
    [
        ([-(2**63), 2**63 - 1], pa.int64(), -(2**63), 2**63 - 1),
        ([0.5, None, -1e300], pa.float64(), -1e300, 0.5),
        ([0.1], pa.float32(), 0.10000000149011612, 0.10000000149011612),
        ([Decimal("-1.50"), Decimal("2.25")], pa.decimal128(10, 2), -1.5, 2.25),
        ([date(2026, 11, 20)], pa.date32(), "2026-11-20", "2026-11-20"),
        (
            [datetime(2026, 11, 20, 18, 0, 0, 123456, UTC), datetime(985, 1, 1, tzinfo=UTC)],
            pa.timestamp("us", "UTC"),
            "0985-01-01T00:00:00.000000Z",
            "2026-11-20T18:00:00.123456Z",
        ),
        ([datetime(2026, 11, 20)], pa.timestamp("us"), "2026-11-20T00:00:00.000000", "2026-11-20T00:00:00.000000"),
        (["é", "z", ""], pa.string(), "", "é"),
    ],
    ids=["int64", "float64", "float32", "decimal", "date", "instant", "local time", "text"],
)
def test_bounds_of_a_type(values: list[Any], dtype: pa.DataType, low: Any, high: Any):
    assert bounds(values, dtype) == (low, high)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1.0, float("nan")], pa.float64()),
        ([1.0, float("nan")], pa.float32()),
        ([1.0, float("inf")], pa.float64()),
        ([1.0, float("-inf"), None], pa.float64()),
        ([b"a"], pa.binary()),
        ([True, False], pa.bool_()),
        ([None, None], pa.int64()),
        ([None], pa.string()),
        ([Decimal("12345678901234567.1")], pa.decimal128(18, 1)),
        ([300_000_000_000_000_000], pa.timestamp("us", "UTC")),
        ([3_000_000], pa.date32()),
    ],
    ids=["nan", "nan32", "inf", "-inf", "binary", "bool", "nulls", "no text", "long decimal", "year 11476", "far day"],
)
def test_no_bounds_where_there_are_none_to_be_trusted(values: list[Any], dtype: pa.DataType):
    found = stats(pa.table({"a": pa.array(values, dtype)}))
    assert (found["minValues"], found["maxValues"]) == ({}, {})
    assert found["nullCount"] == {"a": values.count(None)}


def test_one_bad_row_group_leaves_a_column_without_bounds():
    good, bad = pa.table({"a": [1.0]}), pa.table({"a": [math.nan]})
    for tables in ((good, bad, good), (bad, good)):
        assert stats(*tables)["minValues"] == {}


def test_zero_has_both_signs():
    low, high = bounds([0.0, -0.0], pa.float64())
    assert (math.copysign(1, low), math.copysign(1, high)) == (-1, 1)


def test_what_is_nested_is_not_described():
    table = pa.table({"l": [[1]], "s": [{"x": 1}], "n": [1]})
    assert stats(table)["nullCount"] == {"n": 0}


def test_a_long_text_is_cut_to_a_bound_of_it():
    low, high = bounds(["b" * 40], pa.string())
    assert low == "b" * 32
    assert high == "b" * 32 + "\U0010ffff"
    assert bounds(["a", "b" * 32 + "\U0010ffff" * 2], pa.string()) == ("a", None)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), min_size=1))
def test_texts_lie_within_their_bounds_in_utf8(texts: list[str]):
    low, high = bounds(texts, pa.string())
    encoded = [text.encode() for text in texts]
    assert low.encode() <= min(encoded)
    assert high is None or max(encoded) <= high.encode()
