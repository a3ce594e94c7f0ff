from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from replay.config.sections.model.contract import ModelConfig
from replay.contracts.parity import compare_transform
from replay.contracts.row_encoder import RowEncoder
from replay.errors import RunFailed

MODEL = ModelConfig.model_validate(
    {
        "inputs": [
            {"name": "dense", "features": ["a", "b"], "missing": 0.0, "transform": {"a": "log1p"}},
            {"name": "seen", "dtype": "int64", "feature": "seen", "length": 3, "pad": 0},
        ]
    }
)
BATCH = pa.RecordBatch.from_pylist(
    [
        {"a": 1.0, "b": 0.1, "seen": [1, 2, 3, 4]},
        {"a": None, "b": math.nan, "seen": [5]},
        {"a": 3.0, "b": None, "seen": []},
    ]
)
Rows = list[dict[str, Any]]


def right(rows: Rows) -> dict[str, Any]:
    dense = [[math.log1p(row["a"] or 0.0), 0.0 if row["b"] is None else row["b"]] for row in rows]
    seen = [(row["seen"] + [0, 0, 0])[:3] for row in rows]
    return {"dense": torch.tensor(dense), "seen": np.array(seen)}


def compared(transform):
    return {one.input: one for one in compare_transform(RowEncoder(MODEL), BATCH, transform, "serving:transform")}


def test_code_that_does_the_same_differs_in_no_row():
    found = compared(right)

    assert [(one.rows, one.different, one.problem) for one in found.values()] == [(3, 0, None), (3, 0, None)]


def test_a_planted_difference_is_shown_with_the_row_and_its_logged_values():
    """log1p is missing: rows with a = 0 cannot tell."""
    found = compared(
        lambda rows: {**right(rows), "dense": [[row["a"] or 0.0, right([row])["dense"][0][1]] for row in rows]}
    )

    dense = found["dense"]
    assert (dense.different, found["seen"].different) == (2, 0)
    assert dense.largest == pytest.approx(3.0 - math.log1p(3.0), rel=1e-6)
    first = dense.examples[0]
    assert (first.row, first.logged) == (0, {"a": 1.0, "b": 0.1})
    assert first.ours == pytest.approx([math.log1p(1.0), 0.1])
    assert first.theirs == pytest.approx([1.0, 0.1])
    assert dense.examples[1].row == 2


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"seen": np.zeros((3, 2))}, "it gives the shape (3, 2), expected (3, 3)"),
        ({"seen": None}, "it gives no such input"),
    ],
)
def test_what_cannot_be_compared_is_told(changed, problem):
    def transform(rows):
        answer = {**right(rows), **changed}
        return {name: value for name, value in answer.items() if value is not None}

    found = compared(transform)

    assert (found["seen"].problem, found["seen"].rows) == (problem, 0)
    assert found["dense"].different == 0


def test_an_input_that_the_contract_does_not_have():
    assert compared(lambda rows: {**right(rows), "more": [1, 2, 3]})["more"].problem == "the contract has no such input"


def test_code_that_raises_is_told_with_the_row():
    def raises(rows):
        return {"dense": [1 / row["a"] for row in rows]}

    with pytest.raises(RunFailed, match=r"serving:transform raised TypeError over 3 rows: .*; row 1 does by itself"):
        compared(raises)
    with pytest.raises(RunFailed, match="answered with list, expected a mapping"):
        compared(lambda rows: [])
