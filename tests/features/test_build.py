"""Which encoder each input gets, and every problem in one go."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from replay.config import ModelConfig
from replay.features.build import build_inputs, list_element
from replay.features.inputs import ColumnInput, StackedInput
from replay.features.lists import ListInput
from replay.features.resolve import resolve_features

SCHEMA = pa.schema(
    [
        ("a", pa.float32()),
        ("b", pa.int64()),
        ("text", pa.string()),
        ("vector", pa.list_(pa.float32(), 3)),
        ("ragged", pa.list_(pa.int64())),
    ]
)


def build(*inputs: dict[str, Any]) -> tuple[Any, Any, list[tuple[str, str, int]]]:
    model = ModelConfig.model_validate({"inputs": [{"dtype": "float32", **entry} for entry in inputs]})
    built, masks, problems = build_inputs(model, resolve_features(model, SCHEMA))
    return built, masks, [(problem.path, problem.message, problem.exit_code) for problem in problems]


def test_scalars_are_stacked_or_single_and_lists_keep_their_shape():
    built, masks, problems = build(
        {"name": "dense", "features": ["a", "b"]},
        {"name": "one", "feature": "b", "dtype": "int64"},
        {"name": "embedding", "feature": "vector"},
        {"name": "clicked", "feature": "ragged", "dtype": "int64", "length": 4, "pad": 0},
        {"name": "mask", "mask_of": "clicked"},
    )

    assert problems == []
    assert [type(each) for each in built] == [StackedInput, ColumnInput, ListInput, ListInput]
    assert [(mask.name, mask.source) for mask in masks] == [("mask", "clicked")]
    assert built[0].features == ("a", "b")


def test_all_problems_come_at_once_each_with_its_place():
    _, _, problems = build(
        {"name": "dense", "features": ["a", "text"]},
        {"name": "ragged", "feature": "ragged"},
        {"name": "vector", "feature": "vector", "length": 4},
        {"name": "single", "feature": "a"},
        {"name": "mask", "mask_of": "single"},
    )

    assert [(path, code) for path, _, code in problems] == [
        ("model.inputs[0].features[1]", 3),
        ("model.inputs[1]", 2),
        ("model.inputs[2]", 3),
        ("model.inputs[4].mask_of", 2),
    ]
    assert "whose lists differ in length: give `length`" in problems[1][1]
    assert "expected lists of 4 elements" in problems[2][1]
    assert "reads a scalar column, expected a list" in problems[3][1]


def test_a_default_for_another_feature_is_named_with_the_nearest():
    _, _, problems = build({"name": "dense", "features": ["a*"], "missing": {"aa": 0}})

    assert problems == [
        (
            "model.inputs[0].missing.aa",
            "`missing` names `aa`, which no feature of the input matches; did you mean `a`?",
            2,
        )
    ]


@pytest.mark.parametrize(
    ("logged", "element"),
    [
        (pa.list_(pa.int8()), pa.int8()),
        (pa.large_list(pa.string()), pa.string()),
        (pa.list_(pa.float32(), 2), pa.float32()),
        (pa.float32(), None),
        (pa.string(), None),
    ],
)
def test_elements_of_lists(logged: pa.DataType, element: pa.DataType | None):
    assert list_element(logged) == element
