"""Features of logged rows, as the model reads them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from replay.config.sections.model.contract import ModelConfig
from replay.diagnosis.causes.counterfactual.logged_features import LoggedFeatures
from replay.diagnosis.causes.evidence import Evidence

BATCH = pa.RecordBatch.from_pydict(
    {
        "price": pa.array([1.5, None, 1.5, 4.0], pa.float32()),
        "shelf": pa.array([3, 3, 3, 7], pa.int64()),
        "word": pa.array(["a", "b", "a", None]).dictionary_encode(),
        "vector": pa.array([[1.0, 2.0], None, [1.0, 2.0], [3.0, 4.0]], pa.list_(pa.float32())),
    }
)
MODEL = ModelConfig.model_validate(
    {
        "inputs": [
            {"name": "dense", "dtype": "float32", "features": ["price"], "missing": 0.0},
            {"name": "shelf", "dtype": "int64", "feature": "shelf", "missing": 0},
            {"name": "word", "dtype": "int64", "feature": "word", "missing": 0, "hash": {"buckets": 8}},
            {"name": "vector", "dtype": "float32", "feature": "vector", "length": 2, "pad": 0.0, "missing": 0.0},
        ],
        "families": {"counts": ["price", "shelf"]},
    }
)


def logged(**given: Any) -> LoggedFeatures:
    return LoggedFeatures(MODEL, Evidence(BATCH, np.zeros(4), np.ones(4, bool), **given))


@pytest.mark.parametrize(
    ("feature", "is_quantity", "is_scalar"),
    [("price", True, True), ("shelf", False, True), ("word", False, True), ("vector", True, False)],
)
def test_what_a_feature_is_to_the_model(feature: str, is_quantity: bool, is_scalar: bool) -> None:
    found = logged()
    assert (found.is_quantity(feature), found.is_scalar(feature)) == (is_quantity, is_scalar)


def test_what_fails_together() -> None:
    found = logged()
    everything = ("price", "shelf", "word", "vector")
    assert found.features == everything
    assert found.families == {"counts": ("price", "shelf")}
    assert found.units == [("price", "shelf"), everything, ("price",), ("shelf",), ("word",), ("vector",)]
    assert {feature: entry.name for feature, entry in found.inputs.items()} == {
        "price": "dense", "shelf": "shelf", "word": "word", "vector": "vector"
    }  # fmt: skip


def test_words_are_read_as_they_are_and_kept_as_they_were_logged() -> None:
    found = logged()
    assert found.column("word").to_pylist() == ["a", "b", "a", None]
    assert pa.types.is_dictionary(found.as_logged("word").type)
    assert found.type_of("shelf") == pa.int64()


def test_rows_of_equal_inputs_have_equal_bytes() -> None:
    """A null price is a 0, and a null word bucket 0."""
    found = logged().encoded(np.array([2, 0, 1, 3]))
    assert found[0].tolist() == found[1].tolist()
    assert len(np.unique(found, axis=0)) == 3
    assert found.shape == (4, 4 + 8 + 8 + 8)  # a float32, two int64, two float32


def test_the_past_of_entities() -> None:
    history = pa.table(
        {
            "entity": pa.array([1, 1, 2]),
            "time_us": pa.array([10, 20, 5]),
            "price": pa.array([7.0, 8.0, 9.0], pa.float64()),
        }
    )
    found = logged(entity=pa.array([1, 1, 2, 2]), time_us=np.array([25, 15, 9, 4]), history=history)

    assert found.past_features == ("price",)
    assert found.past("price").type == pa.float32()  # as it is logged
    assert found.history is not None
    rows = found.history.rows_at(found.history.indices(np.arange(4), 0))
    assert [None if at < 0 else found.past("price")[at].as_py() for at in rows] == [8.0, 7.0, 9.0, None]


def test_without_a_past() -> None:
    found = logged()
    assert (found.history, found.past_features) == (None, ())
    with pytest.raises(ValueError, match="found no history"):
        found.past("price")
