"""Spark ML's vectors as Spark writes them."""

from __future__ import annotations

import pyarrow as pa
import pytest

from replay.features.codecs.vectors import is_vector, vector_to_list

VECTOR = pa.struct(
    [
        ("type", pa.int8()),
        ("size", pa.int32()),
        ("indices", pa.list_(pa.int32())),
        ("values", pa.list_(pa.float64())),
    ]
)


def dense(*values: float) -> dict[str, object]:
    return {"type": 1, "size": None, "indices": None, "values": list(values)}


def sparse(size: int, entries: dict[int, float]) -> dict[str, object]:
    return {"type": 0, "size": size, "indices": list(entries), "values": list(entries.values())}


def test_it_is_told_by_its_fields_and_their_types():
    fields = {field.name: field.type for field in VECTOR}

    assert is_vector(VECTOR)
    assert not is_vector(pa.list_(pa.float64()))
    assert not is_vector(pa.struct(list(fields.items())[:3]))
    assert not is_vector(pa.struct((fields | {"values": pa.list_(pa.string())}).items()))
    assert not is_vector(pa.struct((fields | {"indices": pa.list_(pa.float64())}).items()))


@pytest.mark.parametrize(
    ("vectors", "lists"),
    [
        ([], []),
        ([dense(1.0, 2.0), dense(3.0)], [[1.0, 2.0], [3.0]]),
        ([sparse(4, {1: 5.0, 3: 6.0})], [[0.0, 5.0, 0.0, 6.0]]),
        ([sparse(2, {}), dense(7.0), None, sparse(3, {0: 8.0})], [[0.0, 0.0], [7.0], None, [8.0, 0.0, 0.0]]),
        ([None], [None]),
        ([dense(), sparse(0, {}), sparse(1, {0: 9.0})], [[], [], [9.0]]),
    ],
)
def test_zeros_stand_where_a_sparse_one_has_no_value(vectors: list[object], lists: list[object]):
    assert vector_to_list(pa.array(vectors, VECTOR)).to_pylist() == lists


def test_a_slice_is_read_where_it_lies():
    vectors = pa.array([dense(1.0), sparse(3, {2: 2.0}), None, sparse(2, {0: 3.0})], VECTOR)

    assert vector_to_list(vectors.slice(1)).to_pylist() == [[0.0, 0.0, 2.0], None, [3.0, 0.0]]
