"""Values of a config in the type of a feature."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest

from replay.scenarios.forms import working_type
from replay.scenarios.op import OpProblem, Site
from replay.scenarios.scalars import typed_scalar


def site(logged: pa.DataType) -> Site:
    return Site("constant", "x", logged, working_type(logged), (), None)


@pytest.mark.parametrize(
    ("logged", "value", "expected"),
    [
        (pa.int8(), 3.0, 3),
        (pa.bool_(), 1, True),
        (pa.float64(), "1e-3", 0.001),
        (pa.decimal128(5, 2), 1.5, Decimal("1.50")),
        (pa.list_(pa.string()), "a", "a"),
        (pa.binary(2), "ab", b"ab"),
    ],
    ids=str,
)
def test_a_value_in_its_type(logged, value, expected):
    assert typed_scalar(value, site(logged)).as_py() == expected


@pytest.mark.parametrize(
    ("logged", "value"), [(pa.int8(), 300), (pa.int8(), 1.5), (pa.int8(), "1"), (pa.string(), 1), (pa.float32(), 1e300)]
)
def test_a_value_that_a_type_cannot_hold(logged, value):
    with pytest.raises(OpProblem, match="cannot hold the value"):
        typed_scalar(value, site(logged))
