"""Equal rows have equal hashes, others have not: plain Python says which are equal."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from replay.scoring.copies.content import row_contents

ROWS = 64


def repeated(values: list[object], kind: pa.DataType) -> pa.Array:
    """Each value at places that lie apart."""
    return pa.array([values[place % len(values)] for place in range(ROWS)], kind)


KINDS = {
    "int": ([1, 2, None, -1], pa.int64()),
    "uint": ([2**64 - 1, 0, 1], pa.uint64()),
    "float": ([0.0, -0.0, 1.5, None, float("nan"), float("inf")], pa.float64()),
    "float32": ([0.0, -0.0, 1.5, None], pa.float32()),
    "text": (["", "a", "ab", None], pa.string()),
    "bytes": ([b"", b"\xff", None], pa.binary()),
    "bool": ([True, False, None], pa.bool_()),
    "decimal": ([Decimal("1.10"), Decimal("1.11"), None], pa.decimal128(9, 2)),
    "ns": ([1, 2, 1001, None], pa.timestamp("ns")),
    "list": ([[], [1], [1, 2], [2, 1], [1, None], None, [0], [0, 0]], pa.list_(pa.int32())),
    "lists": ([[[1], []], [[], [1]], [[1]], None, [[]], []], pa.list_(pa.list_(pa.int64()))),
    "fixed": ([[1.0, 2.0], [2.0, 1.0], None], pa.list_(pa.float32(), 2)),
    "struct": (
        [{"a": 1, "b": "x"}, {"a": 1, "b": None}, {"a": None, "b": "x"}, None],
        pa.struct([("a", pa.int8()), ("b", pa.string())]),
    ),
    "map": ([[("a", 1)], [("a", 2)], [("b", 1)], [], [("a", 1), ("b", 1)]], pa.map_(pa.string(), pa.int64())),
    "dictionary": (["x", "y", None], pa.dictionary(pa.int8(), pa.string())),
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_values_that_differ_differ_and_others_do_not(kind: str):
    values, dtype = KINDS[kind]
    found = row_contents([repeated(values, dtype)])
    assert len(set(found.tolist())) == len(values)
    assert all(found[place] == found[place % len(values)] for place in range(ROWS))


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_slice_has_the_hashes_of_its_rows(kind: str):
    values, dtype = KINDS[kind]
    column = repeated(values, dtype)
    np.testing.assert_array_equal(row_contents([column.slice(5, 20)]), row_contents([column])[5:25])


def test_all_columns_count_in_their_order():
    left, right = pa.array([1, 1, 2]), pa.array([2, 1, 1])
    found = row_contents([left, right])
    assert len(set(found.tolist())) == 3
    assert found[0] != row_contents([right, left])[0]
