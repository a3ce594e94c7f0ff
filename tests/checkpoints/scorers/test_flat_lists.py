"""Padded lists to lists end to end, held against ``nn.EmbeddingBag`` over lists of Python."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
import torch
from torch import nn

from replay.checkpoints.open import open_scorer, scorer_fingerprint
from replay.checkpoints.scorers.flat_lists import flattening
from replay.config.sections.model.contract import ModelConfig
from replay.features import Encoder
from replay.scoring.chunks import ChunkedScorer
from tests.checkpoints.models import examined

MODULE = __name__
LISTS = [[3, 1, 4], [], [1], [5, 9, 2, 6], [5], [3, 5], None]


class Bag(nn.Module):
    """The mean embedding of a row's ids, and a dense feature."""

    def __init__(self, include_last: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.bag = nn.EmbeddingBag(10, 4, mode="mean", include_last_offset=include_last)
        self.out = nn.Linear(5, 1)

    def forward(self, dense: torch.Tensor, ids: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
        return self.out(torch.cat([dense, self.bag(ids, offsets)], 1)).squeeze(1)


def build(include_last: bool = False) -> nn.Module:
    return Bag(include_last)


def contract(*, dtype: str = "int64", include_last: bool = False, **entry: object) -> ModelConfig:
    inputs = [
        {"name": "dense", "features": ["price"]},
        {"name": "ids", "dtype": dtype, "feature": "bought", "ragged": "flat", "missing": 0, **entry},
        {"name": "offsets", "dtype": dtype, "offsets_of": "ids", "include_last_offset": include_last},
    ]
    return ModelConfig.model_validate({"inputs": inputs})


def logged() -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {"price": [0.5 * place for place in range(len(LISTS))], "bought": pa.array(LISTS, pa.list_(pa.int64()))}
    )


def expected(model: nn.Module, most: int = 99, *, include_last: bool = False) -> torch.Tensor:
    """Scores of each row alone; a null list is an empty one."""
    scores = []
    for place, each in enumerate(LISTS):
        ids = torch.tensor((each or [])[:most], dtype=torch.int64)
        offsets = torch.tensor([0, len(ids)] if include_last else [0])
        scores.append(model(torch.tensor([[0.5 * place]]), ids, offsets))
    return torch.cat(scores).detach()


@pytest.mark.parametrize("dtype", ["int64", "int32"])
@pytest.mark.parametrize("include_last", [False, True])
def test_as_the_model_scores_each_row(tmp_path: Path, dtype: str, include_last: bool) -> None:
    model = Bag(include_last)
    torch.save(model.state_dict(), tmp_path / "m.pt")
    contracted = contract(dtype=dtype, include_last=include_last)
    checkpoint = examined(tmp_path / "m.pt", factory=f"{MODULE}:build", kwargs={"include_last": include_last})
    scorer = open_scorer(checkpoint, contracted)
    encoded = Encoder(contracted, logged().schema).encode(logged())
    assert not encoded.rejected.any()
    wanted = expected(model, include_last=include_last)
    torch.testing.assert_close(scorer.score(encoded.tensors), wanted, rtol=1e-6, atol=1e-6)
    # Chunks that cut the batch, and one that is filled up with the last row.
    (chunked,) = ChunkedScorer(scorer, 3, float).score([encoded.tensors])
    torch.testing.assert_close(torch.from_numpy(chunked).float(), wanted, rtol=1e-6, atol=1e-6)


def test_a_program_of_torch_export(tmp_path: Path) -> None:
    model = Bag().eval()
    batch, total = torch.export.Dim("batch"), torch.export.Dim("total")
    example = (torch.zeros(3, 1), torch.tensor([1, 2, 3, 4]), torch.tensor([0, 2, 3]))
    program = torch.export.export(model, example, dynamic_shapes=({0: batch}, {0: total}, {0: batch}))
    torch.export.save(program, tmp_path / "m.pt2")
    scorer = open_scorer(examined(tmp_path / "m.pt2"), contract(length=2))
    encoded = Encoder(contract(length=2), logged().schema).encode(logged())
    torch.testing.assert_close(scorer.score(encoded.tensors), expected(model, most=2), rtol=1e-6, atol=1e-6)


def test_rejected_rows_hold_no_elements() -> None:
    encoded = Encoder(contract(missing=None), logged().schema).encode(logged())
    assert encoded.rejected.tolist() == [0, 0, 0, 0, 0, 0, 1]
    flatten = flattening(contract())
    assert flatten is not None
    arranged = flatten(encoded.tensors)
    assert arranged["ids"].tolist() == [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5]
    assert arranged["offsets"].tolist() == [0, 3, 3, 4, 8, 9, 11]


def test_what_a_scenario_changes() -> None:
    contracted = contract()
    encoder = Encoder(contracted, logged().schema)
    clean = encoder.encode(logged()).tensors
    rows = torch.tensor([0, 1, 3])
    shorter = pa.array([[3], [8, 8], []], pa.list_(pa.int64()))
    changed = encoder.encode_features({"bought": shorter}, {name: tensor[rows] for name, tensor in clean.items()})
    flatten = flattening(contracted)
    assert flatten is not None
    arranged = flatten(changed.tensors)
    assert (arranged["ids"].tolist(), arranged["offsets"].tolist()) == ([3, 8, 8], [0, 1, 3])


def test_nothing_is_arranged_where_the_model_takes_no_flat_list() -> None:
    assert flattening(ModelConfig.model_validate({"inputs": [{"name": "x", "features": ["a"]}]})) is None


def test_the_way_of_lists_decides_scores(tmp_path: Path) -> None:
    torch.save(Bag().state_dict(), tmp_path / "m.pt")
    checkpoint = examined(tmp_path / "m.pt", factory=f"{MODULE}:build")
    ways = [contract(), contract(include_last=True)]
    assert len({scorer_fingerprint(checkpoint, way) for way in ways}) == 2
