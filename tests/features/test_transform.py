from __future__ import annotations

import numpy as np
import pytest

from replay.config.sections.model.transform import TRANSFORMS
from replay.features.problems import EncodeError
from replay.features.transform import Transform, register
from replay.features.transforms.standardize import Standardize


def test_all_transforms_are_registered_under_their_names() -> None:
    assert list(TRANSFORMS) == [
        "log1p", "log", "sqrt", "abs", "clip", "fill", "scale", "standardize", "minmax", "bucketize",
    ]  # fmt: skip
    assert all(issubclass(kind, Transform) and kind.op == name for name, kind in TRANSFORMS.items())


def test_a_name_is_given_once() -> None:
    with pytest.raises(ValueError, match="second transform named `clip`"):
        register("clip")(Standardize)
    assert Standardize.op == "standardize"


def test_a_null_stays_a_null_where_each_number_becomes_another() -> None:
    nulls = np.array([True, False])
    numbers, left = Standardize(mean=1, std=2).bind("a")(np.array([np.nan, 5.0]), nulls)
    assert left is nulls
    assert numbers[1] == 2.0


def test_arguments_by_feature() -> None:
    step = Standardize(mean={"a": 1, "b*": 2}, std=2)
    assert [step.number("mean", name) for name in ("a", "b", "b.c")] == [1, 2, 2]
    with pytest.raises(EncodeError, match="has no `mean` for `c`"):
        step.bind("c")
