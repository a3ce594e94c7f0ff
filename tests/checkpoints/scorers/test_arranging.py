"""Shapes, lengths and the last elements of lists at the call, against plain torch on 600 rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import nn

from replay.checkpoints.open import open_scorer, scorer_fingerprint
from replay.checkpoints.scorers.arranging import arranging
from replay.config.sections.model.contract import ModelConfig
from replay.errors import ReplayError
from replay.features import Encoder, check_features
from tests.checkpoints.models import examined

MODULE = __name__


class Grid(nn.Module):
    """A convolution over (batch, 2, 3)."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.seen = nn.Conv1d(2, 1, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.seen(x).sum((1, 2))


class Mean(nn.Module):
    """The mean embedding of lists end to end, with their lengths."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Embedding(50, 4)

    def forward(self, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        rows = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
        sums = torch.zeros(len(lengths), 4).index_add_(0, rows, self.table(ids))
        return (sums / lengths.clamp(min=1).unsqueeze(1)).sum(1)


class Bag(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.bag = nn.EmbeddingBag(50, 1, mode="mean")

    def forward(self, ids: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
        return self.bag(ids, offsets)


def model(*inputs: dict[str, Any]) -> ModelConfig:
    return ModelConfig.model_validate({"inputs": list(inputs)})


def scores(module: str, contract: ModelConfig, batch: pa.RecordBatch, path: Path) -> torch.Tensor:
    torch.save(globals()[module]().state_dict(), path / "m.pt")
    scorer = open_scorer(examined(path / "m.pt", factory=f"{MODULE}:{module}"), contract)
    return scorer.score(Encoder(contract, batch.schema).encode(batch).tensors)


def lists() -> list[list[int]]:
    draw = np.random.default_rng(1)
    return [draw.integers(0, 50, draw.integers(0, 9)).tolist() for _ in range(600)]


NUMBERS = np.random.default_rng(0).normal(size=(600, 6)).astype(np.float32)


@pytest.mark.parametrize("logged", ["columns", "lists", "longer lists"])
def test_inputs_of_more_dimensions(logged: str, tmp_path: Path) -> None:
    if logged == "columns":
        contract = model({"name": "x", "features": ["c*"], "shape": [2, 3]})
        batch = pa.RecordBatch.from_pydict({f"c{place}": NUMBERS[:, place] for place in range(6)})
    else:
        more = {"pad": 0.0} if logged == "longer lists" else {}
        contract = model({"name": "x", "feature": "c", "length": 6, "shape": [2, 3], **more})
        values = [[*row, 5.0] if more else [*row] for row in NUMBERS.tolist()]
        batch = pa.RecordBatch.from_pydict({"c": pa.array(values, pa.list_(pa.float32()))})
    expected = Grid()(torch.from_numpy(NUMBERS).reshape(600, 2, 3)).detach()
    torch.testing.assert_close(scores("Grid", contract, batch, tmp_path), expected)


@pytest.mark.parametrize("dtype", ["int64", "int32"])
def test_lengths_in_place_of_offsets(dtype: str, tmp_path: Path) -> None:
    contract = model(
        {"name": "ids", "dtype": "int64", "feature": "l", "ragged": "flat"},
        {"name": "lengths", "dtype": dtype, "lengths_of": "ids"},
    )
    batch = pa.RecordBatch.from_pydict({"l": pa.array(lists(), pa.list_(pa.int64()))})
    flat = torch.tensor([each for row in lists() for each in row])
    expected = Mean()(flat, torch.tensor([len(row) for row in lists()])).detach()
    torch.testing.assert_close(scores("Mean", contract, batch, tmp_path), expected)


@pytest.mark.parametrize("keep", ["first", "last"])
def test_the_last_elements_end_to_end(keep: str, tmp_path: Path) -> None:
    contract = model(
        {"name": "ids", "dtype": "int64", "feature": "l", "ragged": "flat", "length": 3, "keep": keep},
        {"name": "offsets", "dtype": "int64", "offsets_of": "ids"},
    )
    batch = pa.RecordBatch.from_pydict({"l": pa.array(lists(), pa.list_(pa.int64()))})
    kept = [row[:3] if keep == "first" else row[-3:] for row in lists()]
    offsets = np.cumsum([0, *(len(row) for row in kept)])[:-1]
    expected = Bag()(torch.tensor([each for row in kept for each in row]), torch.from_numpy(offsets)).detach()
    torch.testing.assert_close(scores("Bag", contract, batch, tmp_path), expected.reshape(600))


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"features": ["a", "b"], "shape": [3]}, r"`shape: \[3\]` has 3 places, found 2 values in a row"),
        ({"feature": "l", "length": 5, "shape": [2, 2]}, r"has 4 places, found 5 values in a row"),
        ({"feature": "a", "shape": [1]}, "is a column of double, expected a list for `shape`"),
    ],
)
def test_a_shape_of_other_than_what_is_logged(entry: dict[str, Any], words: str) -> None:
    schema = pa.schema([("a", pa.float64()), ("b", pa.float64()), ("l", pa.list_(pa.float32()))])
    (problem,) = check_features(model({"name": "x", **entry}), schema)
    with pytest.raises(ReplayError, match=words):
        raise ReplayError(problem.message)


def test_nothing_is_done_where_nothing_is_to_be_done() -> None:
    assert arranging(model({"name": "x", "features": ["a"]})) is None


def test_shapes_and_lengths_are_part_of_what_decides_scores(tmp_path: Path) -> None:
    torch.save(Grid().state_dict(), tmp_path / "m.pt")
    checkpoint = examined(tmp_path / "m.pt", factory=f"{MODULE}:Grid")
    found = {
        scorer_fingerprint(checkpoint, model({"name": "x", "features": ["a", "b"], **more}))
        for more in ({}, {"shape": [2, 1]}, {"shape": [1, 2]})
    }
    assert len(found) == 3
