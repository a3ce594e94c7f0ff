from __future__ import annotations

import math

import pyarrow as pa
import pytest

from replay.init.sample import Facts, LoggedSample


def facts(values, kind=None):
    return LoggedSample(pa.RecordBatch.from_pydict({"x": pa.array(values, kind)})).facts("x")


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, None, 3, 3], pa.int64(), Facts(4, 1, distinct=2, low=1, high=3, whole=True)),
        ([0.5, 2.0], pa.float32(), Facts(2, distinct=2, low=0.5, high=2.0)),
        ([1.0, math.inf], pa.float64(), Facts(2, distinct=2, low=1.0, high=1.0, finite=False)),
        ([True, False, None], pa.bool_(), Facts(3, 1, distinct=2, low=0.0, high=1.0, whole=True)),
        (["b", "a", "b", None], pa.string(), Facts(4, 1, distinct=2, texts=("b", "a"))),
        ([[1, 2], [], None, [5, None]], pa.list_(pa.int64()),
         Facts(4, 1, inner_nulls=1, distinct=3, low=1, high=5, whole=True, lengths=(0, 2))),
        ([None, None], pa.float32(), Facts(2, 2)),
    ],
    ids=["ints", "floats", "infinite", "bools", "texts", "lists", "nulls"],
)  # fmt: skip
def test_facts_of_a_column(values, kind, expected):
    assert facts(values, kind) == expected


def test_a_dictionary_is_text():
    assert facts(["a", "b", "a"], pa.dictionary(pa.int8(), pa.string())).texts == ("a", "b")


def test_binary_and_all_null():
    assert facts([0, 1, 1]).binary
    assert not facts([0, 2]).binary
    assert facts([None], pa.int8()).all_null
    assert not Facts(0).all_null


def test_numbers_that_were_logged_as_text():
    sample = LoggedSample(pa.RecordBatch.from_pydict({"x": ["0.5", "True", "false", None, "?"]}))

    assert sample.numbers("x")[:3].tolist() == [0.5, 1.0, 0.0]
    assert all(map(math.isnan, sample.numbers("x")[3:]))


def test_fields_of_structs_are_columns():
    sample = LoggedSample(pa.RecordBatch.from_pylist([{"ctx": {"price": 2}}, {"ctx": None}]))

    assert sample.facts("ctx.price").nulls == 1
    assert sample.numbers("ctx.price")[0] == 2.0
    assert math.isnan(sample.numbers("ctx.price")[1])
