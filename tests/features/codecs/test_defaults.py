from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from replay.config.sections.model.input import Input
from replay.features.codecs.defaults import missing_for, stand_in, unused_missing
from replay.features.codecs.lookup import NO_INDEX
from replay.features.dtypes import TARGETS
from replay.features.problems import EncodeError


def test_missing_by_feature() -> None:
    entry = Input(name="x", features=("a", "user.b", "c"), missing={"user.*": 1, "a": 2})
    assert [missing_for(entry, name) for name in ("a", "user.b", "c")] == [2, 1, None]
    assert missing_for(Input(name="x", features=("a",), missing=5), "a") == 5
    assert missing_for(Input(name="x", features=("a",)), "a") is None


def test_missing_that_meets_no_feature_of_the_table() -> None:
    entry = Input(name="x", features=("*",), missing={"a": 0, "b": 1, "c?": 1})
    assert unused_missing(entry, ("a", "c")) == ("b", "c?")


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        (0.1, "float32", np.float32(0.1)),
        (3, "float16", 3.0),
        (2**24 + 1, "float32", float(2**24)),  # a default is rounded; a logged integer would be refused
        (True, "int8", 1),
        (2.0, "int64", 2),
        (2**63 - 1, "int64", 2**63 - 1),
        (False, "bool", False),
        (float("inf"), "bfloat16", float("inf")),
    ],
)
def test_numbers(value: Any, dtype: str, expected: Any) -> None:
    found = stand_in(value, TARGETS[dtype], None, "missing")
    assert found == expected
    assert found.dtype == TARGETS[dtype].storage


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (0.5, "int64"),
        (-1, "uint8"),
        (2**63, "int64"),
        (10**30, "int64"),
        (2, "bool"),
        (float("nan"), "int8"),
        (1e39, "float32"),
        (10**400, "float64"),
    ],
)
def test_the_config_has_no_number_that_does_not_fit(value: Any, dtype: str) -> None:
    with pytest.raises(ValidationError, match=f"found .*({dtype} cannot hold|expected a whole number: .* {dtype})"):
        Input(name="x", features=("a",), dtype=dtype, missing=value)


def test_text_is_looked_up() -> None:
    assert (
        stand_in(
            "a", TARGETS["int64"], lambda values: np.array([{"a": 4}[value] for value in values.to_pylist()]), "missing"
        )
        == 4
    )
    with pytest.raises(ValidationError, match="expected a number: text needs a `vocabulary` or `hash`"):
        Input(name="x", feature="a", dtype="int64", pad="a")
    with pytest.raises(EncodeError, match="pad: 'b', which the vocabulary does not hold"):
        stand_in("b", TARGETS["int64"], lambda _: np.array([NO_INDEX]), "pad")
