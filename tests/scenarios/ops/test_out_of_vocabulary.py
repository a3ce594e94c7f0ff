"""out_of_vocabulary: made values that no vocabulary holds."""

from __future__ import annotations

import json
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.model.hash import Hash
from replay.config.sections.model.input import Input
from replay.errors import ConfigError
from tests.scenarios.making import changed, model, rows, touch


@pytest.fixture
def reading(tmp_path):
    """A model whose one input reads ``x`` through a vocabulary."""

    def make(values, **of_input):
        path = tmp_path / "vocabulary.json"
        path.write_text(json.dumps(values))
        return model("x", dtype="int64", vocabulary=str(path), unknown=0, **of_input)

    return make


def made(array, using):
    return changed(array, using=using, op="out_of_vocabulary")


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.binary(),
        pa.binary(12),
        pa.dictionary(pa.int32(), pa.string()),
    ],
    ids=str,
)
def test_text_that_differs_by_row(reading, kind):
    logged = ["us----------"] * 200 + [None]
    values = made(
        pa.array(logged).cast(pa.binary() if kind == pa.binary(12) else pa.string()).cast(kind), reading(["us"])
    )

    assert values.type == kind
    assert values[200].as_py() is None
    assert len(set(values.to_pylist())) == 201


def test_a_vocabulary_that_holds_the_made_text(reading):
    array = pa.array(["us", "de"])
    first = made(array, reading(["us"])).to_pylist()
    second = made(array, reading(["us", *first])).to_pylist()

    assert not set(second) & {"us", *first}
    assert len(set(second)) == 2


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint8(), pa.int16(), pa.int32(), pa.int64(), pa.uint64()], ids=str)
def test_integers_outside_of_the_vocabulary(reading, kind):
    known = list(range(100))
    values = made(pa.array([*range(100), None], kind), reading(known)).to_pylist()

    assert values[100] is None
    assert not set(values) & set(known)
    assert len(set(values)) > 50


def test_the_few_that_are_free(reading):
    known = [value for value in range(-128, 128) if value not in (-5, 77)]
    values = made(pa.array([1] * 200, pa.int8()), reading(known)).to_pylist()

    assert set(values) == {-5, 77}


def test_a_full_vocabulary(reading):
    with pytest.raises(ConfigError, match="every value that int8 can hold is in the vocabulary of `x`"):
        made(pa.array([1], pa.int8()), reading(list(range(-128, 128))))


def test_decimals_without_a_fraction(reading):
    values = made(pa.array([Decimal(1), None] * 50, pa.decimal128(3, 0)), reading(list(range(990)))).to_pylist()

    assert {int(value) for value in values if value is not None} <= set(range(990, 1000))
    assert values[1] is None
    assert len(set(made(pa.array([Decimal(1)] * 50, pa.decimal128(38, 0)), reading([1])).to_pylist())) == 50


def test_elements_of_lists(reading):
    values = made(pa.array([[1, 2], None, [], [1]], pa.list_(pa.int32())), reading([1, 2], length=2, pad=0)).to_pylist()

    assert [None if row is None else len(row) for row in values] == [2, None, 0, 1]
    assert len({*values[0], *values[3], 1, 2}) == 5


def test_hashed_values():
    using = model("x", dtype="int64", hash=Hash(buckets=10))

    assert len(set(made(pa.array([7] * 100), using).to_pylist())) == 100


def test_all_vocabularies_that_read_the_feature(tmp_path):
    for name, values in (("a", range(-128, 0)), ("b", range(126))):
        (tmp_path / name).write_text(json.dumps(list(values)))
    using = ModelConfig(
        inputs=tuple(
            Input(name=name, dtype="int64", features=("x*",), vocabulary=str(tmp_path / name), unknown=0)
            for name in "ab"
        )
    )

    assert set(made(pa.array([1] * 50, pa.int8()), using).to_pylist()) == {126, 127}


def test_neither_vocabulary_nor_hash():
    with pytest.raises(ConfigError, match=r"features: no input that reads `x` has a `vocabulary` or a `hash`"):
        made(pa.array([1]), model("x"))


def test_a_vocabulary_that_cannot_be_read():
    with pytest.raises(ConfigError, match=r"cannot read the vocabulary /nowhere\.json"):
        made(pa.array([1]), model("x", dtype="int64", vocabulary="/nowhere.json", unknown=0))


def test_numbers_with_a_fraction(reading):
    with pytest.raises(ConfigError, match="logged as double, expected text, bytes or integers"):
        made(pa.array([1.5]), reading(["a"]))


def test_a_row_has_its_value_wherever_it_is(reading):
    array, using = pa.array(["us"] * 100), reading(["us"])
    whole = made(array, using).to_pylist()
    batch = rows({"x": array})
    step = {"op": "out_of_vocabulary", "features": ("x",), "rate": 0.3}
    some = touch({"x": array}, step, using=using)

    assert len(batch.keys) == 100
    assert some.columns["x"].to_pylist() == np.array(whole)[some.rows].tolist()


def test_text_that_the_model_looks_up_itself():
    values = made(pa.array(["us", "de"]), model("x", dtype="string"))
    assert all(value.startswith("oov:") for value in values.to_pylist())
