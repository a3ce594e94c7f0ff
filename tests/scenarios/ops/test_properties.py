"""What holds for perturbations of numbers whatever the numbers."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest

from replay.features.codecs.base import NUMPY_TYPES
from tests.scenarios.making import changed

STEPS = [
    {"op": "noise", "std": 3.0},
    {"op": "noise", "relative_std": 0.5},
    {"op": "scale", "factor": 1.7},
    {"op": "shift", "by": 2},
    {"op": "shift", "by": 1, "modulo": 10},
    {"op": "clip", "min": 1, "max": 4},
    {"op": "cast", "dtype": "float16"},
    {"op": "cast", "dtype": "bfloat16"},
    {"op": "cast", "dtype": "int8"},
    {"op": "cast", "dtype": "int16", "rounding": "toward_zero", "overflow": "wrap"},
    {"op": "cast", "decimals": 1},
    {"op": "bitflip"},
    {"op": "constant", "value": 1},
    {"op": "nulls"},
]
KINDS = [
    *NUMPY_TYPES,
    pa.decimal32(7, 2),
    pa.decimal128(12, 2),
    pa.decimal128(12, -1),
    pa.decimal256(18, 0),
    pa.list_(pa.float32()),
    pa.large_list(pa.int16()),
    pa.list_(pa.decimal128(9, 1)),
    pa.list_(pa.bool_(), 2),
    pa.list_view(pa.float64()),
]


def numbers(kind: pa.DataType) -> pa.Array:
    if hasattr(kind, "value_type") and not pa.types.is_dictionary(kind):
        values = numbers(kind.value_type).to_pylist()
        return pa.array([[values[i], values[-i]] if i % 3 else None for i in range(12)], kind)
    if pa.types.is_decimal(kind):
        return pa.array([None if i % 5 == 4 else Decimal(i) * 10 for i in range(12)], kind)
    return pa.array([None if i % 5 == 4 else i for i in range(12)], pa.int8()).cast(kind)


@pytest.mark.parametrize("step", STEPS, ids=str)
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_valid_arrays_of_the_logged_type_with_the_same_nulls(kind, step):
    if step["op"] == "clip" and pa.types.is_boolean(getattr(kind, "value_type", kind)):
        step = {"op": "clip", "max": 0}
    if pa.types.is_decimal(kind) and kind.scale < 0:  # it has tens only
        step = {**step, **{key: 10 * step[key] for key in ("value", "min", "max") if key in step}}
    array = numbers(kind)
    result = changed(array, **step)

    result.validate(full=True)
    assert result.type == kind
    if step["op"] not in ("constant", "nulls"):
        assert result.is_null().equals(array.is_null())


@pytest.mark.parametrize("step", STEPS, ids=str)
@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if not (pa.types.is_decimal(kind) and kind.scale < 0)], ids=str
)
def test_a_slice_is_read_where_it_lies(kind, step):
    if pa.types.is_boolean(getattr(kind, "value_type", kind)) and step["op"] == "clip":
        step = {"op": "clip", "max": 0}
    array = numbers(kind)
    copied = pa.array(array.to_pylist()[3:9], kind)

    assert changed(array.slice(3, 6), **step).to_pylist() == changed(copied, **step).to_pylist()
