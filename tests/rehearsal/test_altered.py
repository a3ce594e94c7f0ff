"""Values that the model gets otherwise than logged, counted: plain Python counts them too."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from replay.config import ModelConfig
from replay.features import Encoder
from replay.rehearsal.altered import AlteredFeature, list_altered

ROWS = 400


@pytest.fixture
def vocabulary(tmp_path: Path) -> str:
    (tmp_path / "v.json").write_text(json.dumps({f"{store:03}": store for store in range(1, 50)}))
    return str(tmp_path / "v.json")


def altered(column: pa.Array, **entry: Any) -> tuple[AlteredFeature, ...]:
    model = ModelConfig.model_validate({"inputs": [{"name": "in", "feature": "f", **entry}]})
    batch = pa.RecordBatch.from_pydict({"f": column})
    encoder = Encoder(model, batch.schema)
    return list_altered(model, batch, encoder, encoder.refusals(batch))


@pytest.mark.parametrize("stored", [pa.string(), pa.dictionary(pa.int16(), pa.string())], ids=["text", "dictionary"])
def test_values_that_a_vocabulary_lacks(vocabulary: str, stored: pa.DataType):
    rng = np.random.default_rng(0)
    logged = [None if place % 40 == 0 else str(rng.integers(1, 60)) for place in range(ROWS)]  # 7, not 007
    (found,) = altered(pa.array(logged, stored), dtype="int64", vocabulary=vocabulary, unknown=0, missing=0)
    lacking = Counter(value for value in logged if value is not None)
    assert (found.values, found.missing, found.unknown) == (390, 10, 390)
    assert found.unknown_distinct == len(lacking)
    assert sorted((found.unknown_values or {}).values(), reverse=True) == [n for _, n in lacking.most_common(5)]
    assert all(lacking[eval(value)] == times for value, times in (found.unknown_values or {}).items())


def test_elements_of_lists_count(vocabulary: str):
    lists = pa.array([["001", "x"], [], ["y", "x", "002"]])
    (found,) = altered(lists, dtype="int64", vocabulary=vocabulary, unknown=0, length=3, pad=0)
    assert (found.rows, found.values, found.unknown, found.unknown_values) == (3, 5, 3, {"'x'": 2, "'y'": 1})


def test_what_is_rejected_is_not_altered(vocabulary: str):
    assert altered(pa.array(["001", "x", None]), dtype="int64", vocabulary=vocabulary) == ()
    assert altered(pa.array([1.0, None]), dtype="float32") == ()


def test_nulls_with_a_value_of_their_own():
    (found,) = altered(pa.array([1.0, None, None]), dtype="float32", missing=0.5)
    assert (found.rows, found.values, found.missing, found.unknown, found.rounded) == (3, 1, 2, 0, 0)


IDS = [2**24 + 1 + 2 * place for place in range(100)]


@pytest.mark.parametrize(
    ("column", "rounded"),
    [
        (pa.array([float(value) for value in IDS]), 100),
        (pa.array([Decimal(value) for value in IDS], pa.decimal128(20, 2)), 100),
        (pa.array([float(value + 1) for value in IDS]), 0),  # even ones
        (pa.array([2.0**24, -(2.0**24) - 1, 0.1, 1e300, float("nan"), float("inf"), 3.0]), 1),
        (pa.array([float(value) + 0.5 for value in IDS]), 0),  # no whole numbers
        (pa.array(np.float32(IDS)), 0),  # rounded where they were logged
        (pa.array([1, 2, 3]), 0),
    ],
    ids=["doubles", "decimals", "even", "edges", "fractions", "floats", "integers"],
)
def test_whole_numbers_that_float32_rounds(column: pa.Array, rounded: int):
    found = altered(column, dtype="float32", missing=0.0)
    assert sum(one.rounded for one in found) == rounded


def test_the_example_says_what_becomes_of_it():
    (found,) = altered(pa.array([16777217.0, 1.0]), dtype="float32")
    assert found.rounded_example == "16777217 becomes 16777216"
    assert altered(pa.array([16777217.0]), dtype="float64") == ()
    assert altered(pa.array([16777217.0]), dtype="float32", transform="log1p") == ()
