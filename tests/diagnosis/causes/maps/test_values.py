"""Values that a feature may have held."""

from __future__ import annotations

import json
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from replay.config.sections.model.input import Input
from replay.diagnosis.causes.maps.values import MOST_VALUES, UNKNOWN, as_values, served_values
from tests.diagnosis.linear import counterfactual


def values_of(values: pa.Array, **of_input: object) -> list:
    entry = Input.model_validate({"name": "x", "dtype": "int64", "feature": "f", "missing": 0, **of_input})
    lab = counterfactual({"f": values}, np.full(len(values), 9.0), inputs=(entry,), others={"prod": first_column})
    return served_values(lab, "f")


def first_column(tensors):
    return tensors["x"].reshape(len(tensors["x"]), -1)[:, 0].float()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([19, 18, 19, None]), [19, 18, *range(18), 20, 21, 22, 23, None]),  # hours
        (pa.array([7, 1]), [7, 1, 0, *range(2, 7), *range(8, 24), None]),  # weekdays, or a few hours of a day
        (pa.array([59, 0]), [59, *range(59), None]),  # minutes
        (pa.array([70, 73]), [70, 73, 71, 72, None]),
        (pa.array([5, 10**6]), [5, 10**6, None]),  # too far apart to fill
        (pa.array([4, 4]), []),  # no two values
        (pa.array([True, False]), []),
        (pa.array(range(MOST_VALUES + 1)), []),
    ],
    ids=["hours", "weekdays", "minutes", "between", "far", "one", "bools", "many"],
)
def test_whole_numbers_come_with_their_range(values, expected):
    assert values_of(values) == expected


def test_numbers_that_the_model_takes_as_quantities():
    assert values_of(pa.array([1.0, 3.0, 1.0]), dtype="float32") == [1.0, 3.0, 0, 2, *range(4, 24), None]
    assert values_of(pa.array([1.5, 3.0]), dtype="float32") == []


def test_words_come_with_their_vocabulary_and_one_that_is_unknown(tmp_path):
    (tmp_path / "words.json").write_text(json.dumps({"a": 1, "b": 2, "c": 3}), encoding="utf-8")
    found = values_of(pa.array(["b", "b", "a"]), vocabulary=str(tmp_path / "words.json"), unknown=0)

    assert found == ["b", "a", "c", UNKNOWN, None]


def test_values_as_a_config_writes_them():
    logged = pa.array([Decimal("1.5"), None], pa.decimal128(4, 1))

    assert as_values(logged) == [1.5]
    assert as_values(pa.array([b"a", b"b"])) == ["a", "b"]
    assert as_values(pa.array([1.0, np.nan], from_pandas=False)) == [1.0]
