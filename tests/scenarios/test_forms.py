"""Every way of storing values: into the working type and back, unchanged."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from replay.errors import RunFailed
from replay.scenarios.forms import take_rows, to_logged, to_working, working_type

VECTOR = pa.struct(
    [("type", pa.int8()), ("size", pa.int32()), ("indices", pa.list_(pa.int32())), ("values", pa.list_(pa.float64()))]
)
NUMBERS = [[1, 2], None, [3, 4], [5, None]]
RAGGED = [[1, 2, 3], None, [], [4]]
ARRAYS = [
    *(pa.array([1, None, 3, 4], kind) for kind in (pa.int8(), pa.uint64(), pa.float16(), pa.float64())),
    pa.array([True, None, False, True]),
    pa.array([Decimal("1.50"), None, Decimal("-2"), Decimal("0")], pa.decimal128(9, 2)),
    *(pa.array(["a", None, "", "b"], kind) for kind in (pa.string(), pa.large_string(), pa.string_view())),
    *(pa.array([b"a", None, b"", b"b"], kind) for kind in (pa.binary(), pa.large_binary(), pa.binary_view())),
    pa.array([b"ab", None, b"cd", b"ef"], pa.binary(2)),
    pa.array(["a", None, "a", "b"]).dictionary_encode(),
    pa.array(["a", None, "a", "b"]).cast(pa.dictionary(pa.int8(), pa.large_string(), ordered=True)),
    pc.run_end_encode(pa.array([1, 1, 2, 3])),
    *(pa.array(RAGGED, kind(pa.float32())) for kind in (pa.list_, pa.large_list, pa.list_view, pa.large_list_view)),
    pa.array(RAGGED, pa.list_(pa.int64())),
    pa.array([["a", None], None, [], ["b"]], pa.list_(pa.string())),
    pa.array([["a", None], None, [], ["b"]], pa.list_(pa.dictionary(pa.int32(), pa.string()))),
    pa.array(NUMBERS, pa.list_(pa.float32(), 2)),
    pa.array([1.0, None, 2.0, 3.0]).cast(pa.float32()),
    pa.nulls(4),
]
TRANSFERS = [pytest.param(array, id=str(array.type)) for array in ARRAYS]


@pytest.mark.parametrize("array", TRANSFERS)
def test_round_trip(array):
    working = to_working(array)
    back = to_logged(working, array.type)

    assert working.type == working_type(array.type)
    assert back.type == array.type
    assert back.to_pylist() == array.to_pylist()
    back.validate(full=True)


@pytest.mark.parametrize("array", TRANSFERS)
def test_some_rows_of_a_slice(array):
    part = array.slice(1)
    taken = take_rows(part, np.array([0, 2]))

    assert to_logged(taken, array.type).to_pylist() == [array.to_pylist()[1], array.to_pylist()[3]]


@pytest.mark.parametrize("array", TRANSFERS)
def test_no_rows(array):
    back = to_logged(take_rows(array, np.zeros(0, np.int64)), array.type)

    assert (len(back), back.type) == (0, array.type)


def test_spark_vectors_come_back_dense():
    dense = {"type": 1, "size": None, "indices": None, "values": [1.0, 0.0, 2.0]}
    sparse = {"type": 0, "size": 3, "indices": [1], "values": [5.0]}
    array = pa.array([dense, None, sparse], VECTOR)

    back = to_logged(to_working(array), VECTOR)

    assert to_working(array).to_pylist() == [[1.0, 0.0, 2.0], None, [0.0, 5.0, 0.0]]
    assert back.to_pylist() == [dense, None, {**dense, "values": [0.0, 5.0, 0.0]}]


def test_too_many_values_for_a_dictionary():
    with pytest.raises(RunFailed, match=r"200 distinct values in a batch, more than its type dictionary"):
        to_logged(pa.array([str(i) for i in range(200)], pa.large_string()), pa.dictionary(pa.int8(), pa.string()))


def test_a_list_of_the_wrong_length():
    with pytest.raises(RunFailed, match="a list of 3 elements, expected 2"):
        to_logged(pa.array([[1, 2, 3]], pa.large_list(pa.int64())), pa.list_(pa.int64(), 2))
