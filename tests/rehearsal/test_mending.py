"""Keys that make a contract accept rows, as they are found and as they are pasted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from replay.rehearsal.mending import Mended, mend_contract
from tests.rehearsal.cases import rows_of


def mended(columns: dict[str, Any], inputs: list[dict[str, Any]], refuses: tuple[str, ...] = ()) -> Mended:
    rows = rows_of(columns, inputs)
    return mend_contract(
        rows.config.model,
        rows.batch,
        lambda model, _: not any(entry.dtype in refuses for entry in model.inputs),
    )


def pasted(found: Mended) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = yaml.safe_load(found.yaml)["model"]["inputs"]
    return entries


def test_a_null_becomes_zero_where_zero_is_among_the_values():
    found = mended({"a": [1.0, None, -1.0]}, [{"name": "x", "features": ["a"]}])
    assert pasted(found) == [{"name": "x", "missing": {"a": 0.0}}]
    assert found.accepted == 3


def test_a_null_becomes_the_median_where_zero_is_not():
    found = mended({"a": [10.0, None, 30.0, 40.0]}, [{"name": "x", "feature": "a"}])
    assert pasted(found) == [{"name": "x", "missing": 30.0}]
    assert "a guess" in found.yaml


def test_what_missing_names_already_stays():
    found = mended(
        {"a": [0.0, None], "b": [None, 0.0], "c": [0.0, None]},
        [{"name": "x", "features": ["a", "b", "c"], "missing": {"a": 7.0}}],
    )
    assert pasted(found) == [{"name": "x", "missing": {"a": 7.0, "b": 0.0, "c": 0.0}}]


def test_many_features_share_one_value():
    columns = {f"f{place}": [1.0, None] for place in range(20)}
    found = mended(columns, [{"name": "x", "features": ["f*"]}])
    assert pasted(found) == [{"name": "x", "missing": {"*": 0.0}}]
    assert found.accepted == 2


@pytest.mark.parametrize(
    ("dtype", "values", "expected"),
    [
        ("int64", [0.5, 1.0], "float32"),
        ("int64", [float("nan"), 1.0], "float32"),
        ("float32", [2**24 + 1, 1], "int64"),
        ("int8", [300, 1], "int64"),
        ("float16", [1e6, 1.0], "float32"),
        ("float32", [1e300, 1.0], "float64"),
    ],
    ids=lambda value: str(value),
)
def test_a_dtype_that_holds_the_values_is_found(dtype: str, values: list[Any], expected: str):
    found = mended({"a": values}, [{"name": "x", "dtype": dtype, "feature": "a"}])
    assert pasted(found) == [{"name": "x", "dtype": expected}]
    assert found.accepted == 2


def test_a_dtype_that_the_checkpoints_refuse_is_not_proposed():
    found = mended({"a": [0.5, 1.0]}, [{"name": "x", "dtype": "int64", "feature": "a"}], refuses=("float32",))
    assert pasted(found) == [{"name": "x", "dtype": "float64"}]
    nothing = mended(
        {"a": [0.5, 1.0]}, [{"name": "x", "dtype": "int64", "feature": "a"}], refuses=("float32", "float64")
    )
    assert (nothing.mends, nothing.accepted) == ((), 1)


def test_lists_of_any_length_are_padded_and_cut():
    found = mended({"h": [[1, 2], [1], [1, 2, 3]]}, [{"name": "x", "dtype": "int64", "feature": "h", "length": 2}])
    assert pasted(found) == [{"name": "x", "length": 2, "pad": 0}]
    assert found.accepted == 3


@pytest.mark.parametrize(
    ("vocabulary", "index", "note"),
    [({"us": 1, "<unk>": 7}, 7, "'<unk>'"), ({"us": 0, "fr": 1}, 0, "'us'"), ({"us": 1}, 0, "a guess")],
    ids=["named", "taken", "free"],
)
def test_unknown_values_get_the_index_that_the_vocabulary_has_for_them(
    tmp_path: Path, vocabulary: dict[str, int], index: int, note: str
):
    path = tmp_path / "v.json"
    path.write_text(json.dumps(vocabulary))
    entry = {"name": "x", "dtype": "int64", "feature": "c", "vocabulary": str(path)}
    found = mended({"c": ["us", "xx"]}, [entry])
    assert pasted(found) == [{"name": "x", "unknown": index}]
    assert note in found.yaml


def test_what_shows_only_after_another_key_is_mended_too():
    found = mended(
        {"a": [0.5, None, 1.0], "h": [[1], [None, 2], [3]]},
        [
            {"name": "x", "dtype": "int64", "feature": "a"},
            {"name": "y", "dtype": "int64", "feature": "h", "length": 1},
        ],
    )
    assert pasted(found) == [
        {"name": "x", "dtype": "float32", "missing": 0.75},
        {"name": "y", "length": 1, "pad": 0, "missing": 2},
    ]
    assert found.accepted == 3


def test_rows_that_are_all_right_want_nothing():
    found = mended({"a": np.ones(3)}, [{"name": "x", "feature": "a"}])
    assert (found.mends, found.accepted) == ((), 3)


def test_text_that_the_model_takes_as_it_is_becomes_empty():
    found = mended({"a": ["us", None]}, [{"name": "x", "dtype": "string", "feature": "a"}])
    assert pasted(found) == [{"name": "x", "missing": ""}]
    assert found.accepted == 2
