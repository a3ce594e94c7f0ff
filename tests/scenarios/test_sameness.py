"""Which values have the same bits, against Python's own."""

from __future__ import annotations

import struct
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.scenarios.sameness import same_values

FLOATS = st.sampled_from([0.0, -0.0, 1.0, float("inf"), float("nan"), 0.1]) | st.none()


def bits(value: Any) -> Any:
    """A value by its bits; of lists those of their elements."""
    if isinstance(value, list):
        return [bits(one) for one in value]
    return struct.pack("<d", value) if isinstance(value, float) else value


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (pa.float64(), FLOATS),
        (pa.float32(), FLOATS),
        (pa.int64(), st.integers(0, 2) | st.none()),
        (pa.bool_(), st.booleans() | st.none()),
        (pa.large_string(), st.sampled_from(["", "a", "b"]) | st.none()),
        (pa.large_list(pa.float32()), st.lists(FLOATS, max_size=2) | st.none()),
        (pa.large_list(pa.large_string()), st.lists(st.sampled_from(["a", "b"]) | st.none(), max_size=2) | st.none()),
    ],
)
@given(data=st.data())
def test_the_same_as_python(kind: pa.DataType, values: st.SearchStrategy[Any], data: st.DataObject):
    pairs = data.draw(st.lists(st.tuples(values, values), max_size=20))
    ones, others = (pa.array([pair[side] for pair in pairs], kind) for side in (0, 1))
    start = data.draw(st.integers(0, len(pairs)))
    expected = [bits(one) == bits(other) for one, other in pairs]

    assert same_values(ones, others).tolist() == expected
    assert same_values(ones.slice(start), others.slice(start)).tolist() == expected[start:]
