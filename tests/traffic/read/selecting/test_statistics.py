"""What footers tell of values, by files whose values are known."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from replay.traffic.read.selecting.statistics import ValueRange, value_range


def told(tmp_path: Path, values: pa.Array, dtype: pa.DataType | None = None, **options: Any) -> ValueRange | None:
    pq.write_table(pa.table({"x": values}), tmp_path / "t.parquet", **options)
    return value_range(pq.read_metadata(tmp_path / "t.parquet").row_group(0), "x", dtype or values.type)


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        (pa.array([3, -1], pa.int8()), -1, 3),
        (pa.array([2**64 - 1, 1], pa.uint64()), 1, 2**64 - 1),
        (pa.array([1.5, float("nan"), -2.5]), -2.5, 1.5),
        (pa.array(["b", "a", "é"]), b"a", "é".encode()),
        (pa.array([date(1970, 1, 3), date(1969, 12, 31)]), -1, 2),
        (pa.array([5, 7], pa.timestamp("us", "UTC")), 5, 7),
    ],
)
def test_the_smallest_and_the_largest(tmp_path: Path, values: pa.Array, low: object, high: object) -> None:
    assert told(tmp_path, values) == ValueRange(low, high, has_nulls=False)


def test_nulls_are_told_and_counted_for_nothing_else(tmp_path: Path) -> None:
    assert told(tmp_path, pa.array([None, 4, 2])) == ValueRange(2, 4, has_nulls=True)


def test_times_are_in_the_unit_that_they_are_read_in(tmp_path: Path) -> None:
    millis = pa.array([-1, 2], pa.timestamp("ms"))
    assert told(tmp_path, millis, pa.timestamp("us")) == ValueRange(-1000, 2000, has_nulls=False)


@pytest.mark.parametrize(
    "values",
    [
        pa.array(["a" * 32, "b"]),  # may be the beginning of a longer text
        pa.array([None, None], pa.int32()),
        pa.array([float("nan")]),
        pa.array([Decimal("1.5")]),
        pa.array([True]),
        pa.array([[1]]),
    ],
)
def test_what_says_nothing_that_can_be_relied_on(tmp_path: Path, values: pa.Array) -> None:
    assert told(tmp_path, values) is None


def test_no_statistics_and_no_such_column(tmp_path: Path) -> None:
    assert told(tmp_path, pa.array([1, 2]), write_statistics=False) is None
    group = pq.read_metadata(tmp_path / "t.parquet").row_group(0)
    assert value_range(group, "y", pa.int64()) is None
    assert value_range(group, None, pa.int64()) is None


def test_int96_is_not_to_be_trusted(tmp_path: Path) -> None:
    times = pa.array([1, 2], pa.timestamp("us"))
    assert told(tmp_path, times, use_deprecated_int96_timestamps=True) is None
