"""constant: on every kind of feature."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest

from replay.errors import ConfigError
from tests.scenarios.making import changed, model


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (pa.int8(), -7, -7),
        (pa.int64(), 2.0, 2),
        (pa.uint64(), 2**63, 2**63),
        (pa.float16(), 0.5, 0.5),
        (pa.float32(), 3, 3.0),
        (pa.float64(), True, 1.0),
        (pa.float32(), "1e-3", pytest.approx(1e-3)),  # as YAML readers may give it
        (pa.float64(), "-inf", float("-inf")),  # as a config that went through JSON gives it
        (pa.bool_(), True, True),
        (pa.bool_(), 0, False),
        (pa.decimal128(9, 2), 1.25, Decimal("1.25")),
        (pa.string(), "x", "x"),
        (pa.string_view(), "x", "x"),
        (pa.binary(), "x", b"x"),
        (pa.binary(2), "xy", b"xy"),
        (pa.dictionary(pa.int8(), pa.string()), "x", "x"),
    ],
    ids=str,
)
def test_one_value_for_all(kind, value, expected):
    filled = changed(pa.nulls(3, kind), op="constant", value=value)  # what was null too

    assert filled.type == kind
    assert filled.to_pylist() == [expected] * 3


def test_every_element_and_no_null_list_of_unknown_length():
    array = pa.array([[1, None], None, []], pa.list_(pa.int32()))

    assert changed(array, op="constant", value=9).to_pylist() == [[9, 9], None, []]


@pytest.mark.parametrize(
    ("kind", "using"), [(pa.list_(pa.float32(), 2), None), (pa.list_(pa.float32()), model("x", length=2))]
)
def test_null_lists_of_known_length(kind, using):
    array = pa.array([[1, 2], None], kind)

    assert changed(array, using=using, op="constant", value=0).to_pylist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (pa.int8(), 128),
        (pa.uint8(), -1),
        (pa.int64(), 0.5),
        (pa.int64(), "1"),
        (pa.bool_(), 2),
        (pa.float16(), 1e6),
        (pa.decimal128(4, 2), 1.234),
        (pa.decimal128(4, 2), 1000),
        (pa.string(), 5),
        (pa.binary(2), "xyz"),
        (pa.null(), 1),
        (pa.timestamp("us"), 1),
        (pa.list_(pa.int8()), 300),
    ],
    ids=str,
)
def test_a_value_that_the_type_cannot_hold(kind, value):
    with pytest.raises(ConfigError, match=r"scenarios\.s\[0\]\.features: `x` is logged as .*cannot hold the value"):
        changed(pa.nulls(1, kind), op="constant", value=value)
