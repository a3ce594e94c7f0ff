"""Types of keys and of values, each pair by hand."""

from __future__ import annotations

import pyarrow as pa
import pytest

from replay.spark.types import list_of
from replay.traffic.sources.types import integer_range, key_type, needs_look, value_problem

UTC = pa.timestamp("us", tz="UTC")


@pytest.mark.parametrize(
    ("ours", "theirs", "common"),
    [
        (pa.string(), pa.string(), pa.string()),
        (pa.int8(), pa.int64(), pa.int64()),
        (pa.uint64(), pa.int64(), pa.decimal128(38, 0)),
        (pa.uint64(), pa.uint64(), pa.decimal128(20, 0)),
        (pa.decimal128(10, 0), pa.int32(), pa.decimal128(38, 0)),
        (pa.float32(), pa.float64(), pa.float64()),
        (UTC, UTC, UTC),
        (UTC, pa.timestamp("us"), None),
        (pa.int64(), pa.string(), None),
        (pa.int64(), pa.float64(), None),
        (pa.decimal128(10, 2), pa.int64(), None),
        (pa.date32(), pa.string(), None),
    ],
)
def test_keys(ours: pa.DataType, theirs: pa.DataType, common: pa.DataType | None):
    assert key_type(ours, theirs) == common
    assert key_type(theirs, ours) == common


@pytest.mark.parametrize(
    ("ours", "theirs", "fits", "look"),
    [
        (pa.float32(), pa.float64(), True, False),
        (pa.float32(), pa.int64(), True, False),
        (pa.float64(), pa.decimal128(10, 2), True, False),
        (pa.int32(), pa.int64(), True, True),
        (pa.int64(), pa.int32(), True, False),
        (pa.int64(), pa.float64(), True, True),
        (pa.int64(), pa.decimal128(10, 0), False, None),
        (pa.int64(), pa.string(), False, None),
        (pa.string(), pa.int64(), False, None),
        (pa.bool_(), pa.int8(), False, None),
        (pa.bool_(), pa.bool_(), True, False),
        (pa.decimal128(10, 2), pa.decimal128(12, 2), False, None),
        (list_of(pa.float32()), list_of(pa.float64()), True, False),
        (list_of(pa.int32()), list_of(pa.int64()), True, True),
        (list_of(pa.int32()), pa.int32(), False, None),
        (pa.int32(), list_of(pa.int32()), False, None),
    ],
)
def test_values(ours: pa.DataType, theirs: pa.DataType, fits: bool, look: bool | None):
    problem = value_problem(ours, theirs)
    assert (problem is None) == fits
    if fits:
        assert needs_look(ours, theirs) == look
    else:
        assert problem == f"it is {theirs}, expected {ours} as in the traffic"


def test_ranges():
    assert integer_range(pa.int16()) == (-32768, 32767)
    assert integer_range(list_of(pa.int64())) == (-(2**63), 2**63 - 1)
