"""What is said of the inputs, by hand."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from replay.features import Encoder
from replay.rehearsal.inputs import FeatureFacts, InputFacts, all_null, look_at_inputs
from tests.rehearsal.cases import rows_of


def look(columns: dict[str, Any], inputs: list[dict[str, Any]]) -> tuple[InputFacts, ...]:
    rows = rows_of(columns, inputs)
    encoder = Encoder(rows.config.model, rows.batch.schema)
    encoded = encoder.encode(rows.batch)
    return look_at_inputs(rows.config.model, rows.batch, encoder, encoded, encoder.refusals(rows.batch))


def test_numbers_have_a_range_and_nulls():
    (dense,) = look(
        {"a": [1.5, None, -2.0], "b": [3, 4, 5], "c": [True, False, True], "d": [Decimal("1.5"), None, Decimal(9)]},
        [{"name": "dense", "features": ["a", "b", "c", "d"], "missing": {"a": 0.0}}],
    )
    assert (dense.name, dense.dtype, dense.shape, dense.made_of) == ("dense", "float32", (4,), None)
    told = {each.name: (each.logged, each.nulls, each.low, each.high, each.accepted) for each in dense.features}
    assert told == {
        "a": ("double", 1, -2.0, 1.5, 3),
        "b": ("int64", 0, 3.0, 5.0, 3),
        "c": ("bool", 0, 0.0, 1.0, 3),
        "d": ("decimal128(2, 1)", 1, 1.5, 9.0, 2),
    }


def test_lists_have_elements_and_a_longest_one_and_masks_have_none():
    hist, mask = look(
        {"h": [[1, 2, 9], [], None, [4]]},
        [
            {"name": "hist", "dtype": "int64", "feature": "h", "length": 5, "pad": 0, "missing": 0},
            {"name": "mask", "mask_of": "hist"},
        ],
    )
    assert hist.features == (FeatureFacts("h", "list of int64", 1, 1.0, 9.0, None, None, 3, 4),)
    assert (mask.features, mask.made_of, mask.shape) == ((), "mask of hist", (5,))


def test_what_is_looked_up_has_distinct_values(tmp_path: Path):
    vocabulary = tmp_path / "v.json"
    vocabulary.write_text(json.dumps(["fr", "us"]))
    (country,) = look(
        {"country": pa.array(["us", "fr", "us", "xx", None]).dictionary_encode()},
        [{"name": "country", "dtype": "int64", "feature": "country", "vocabulary": str(vocabulary)}],
    )
    (feature,) = country.features
    assert (feature.distinct, feature.low, feature.nulls, feature.accepted) == (3, None, 1, 3)


def test_a_value_that_every_row_holds_is_told_and_nan_is_another_value():
    nan = float("nan")
    (dense,) = look(
        {"zero": [0, 0], "half": [0.5, 0.5], "nan": [nan, nan], "mixed": [1.0, nan], "null": [1.0, None]},
        [{"name": "dense", "features": ["zero", "half", "nan", "mixed", "null"], "missing": 0.0}],
    )
    assert [each.constant for each in dense.features] == ["0", "0.5", None, None, None]


def test_features_without_any_value_are_found():
    columns = {"a": pa.array([None, None], pa.int32()), "b": pa.array([None, 1]), "c": pa.nulls(2)}
    assert all_null(columns) == ("a", "c")
    assert all_null({"a": pa.array([], pa.int32())}) == ()


def test_text_has_the_shape_that_the_model_gets():
    one, several = look(
        {"a": ["us", "fr"], "b": ["x", "x"]},
        [
            {"name": "one", "dtype": "string", "feature": "a"},
            {"name": "several", "dtype": "string", "features": ["a", "b"]},
        ],
    )
    assert (one.shape, several.shape) == ((), (2,))
    assert [each.distinct for each in several.features] == [2, 1]
