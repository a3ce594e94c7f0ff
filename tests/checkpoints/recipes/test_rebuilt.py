"""Weights that follow a recipe: which are computed, which are a file's, and how often a file is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from replay.checkpoints import derive
from replay.checkpoints.checkpoint import Checkpoint, TensorInfo
from replay.checkpoints.recipes import rebuilt
from replay.checkpoints.recipes.rebuilt import Weights, stored_bytes
from replay.config.sections.checkpoints import DerivedConfig, SpliceConfig
from tests.checkpoints.models import config_for, examined, ranker, save


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Checkpoint]:
    form = "state_dict"
    return {
        name: examined(save(form, ranker(seed), tmp_path / name), name=name, **config_for(form))
        for seed, name in enumerate(("prod", "candidate"))
    }


def made(sources: dict[str, Checkpoint], name: str, **config: Any) -> Checkpoint:
    kind = SpliceConfig if "splice" in config else DerivedConfig
    sources[name] = derive(kind.model_validate(config), name, sources)
    return sources[name]


def test_what_is_computed_and_what_is_its_own(sources: dict[str, Checkpoint]) -> None:
    made(sources, "low", **{"from": "candidate", "cast": "int8", "params": ["hidden.weight"]})
    mixed = Weights(made(sources, "mixed", splice={"hidden.*": "low", "*": "prod"}))
    names = list(ranker().state_dict())
    assert [name for name in names if mixed.is_computed(name)] == ["hidden.weight"]
    assert [name for name in names if not mixed.is_own(name)] == ["hidden.weight", "hidden.bias"]
    file = Weights(sources["prod"])
    assert all(file.is_own(name) and not file.is_computed(name) for name in names)


def test_only_tensors_with_a_flipped_bit_are_computed(sources: dict[str, Checkpoint]) -> None:
    weights = Weights(made(sources, "broken", **{"from": "prod", "bitflip": 1}))
    assert sum(weights.is_computed(name) for name in ranker().state_dict()) == 1
    before = Weights(sources["prod"])
    same = [name for name in ranker().state_dict() if torch.equal(weights.tensor(name), before.tensor(name))]
    assert len(same) == 5


def test_a_file_is_read_once_to_derive(sources: dict[str, Checkpoint], monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    read = rebuilt.read_file

    def counted(checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
        reads.append(checkpoint.name)
        return read(checkpoint)

    monkeypatch.setattr(rebuilt, "read_file", counted)
    made(sources, "noisy", **{"from": "prod", "noise": 1e38})
    made(sources, "mixed", splice={"hidden.*": "candidate", "*": "prod"})
    assert reads == ["prod", "prod", "candidate"]


@pytest.mark.parametrize(
    ("shape", "dtype", "size"),
    [((), "float32", 4), ((0, 5), "float64", 0), ((2, 3), "bfloat16", 12), ((7,), "bool", 7)],
)
def test_sizes_in_bytes(shape: tuple[int, ...], dtype: str, size: int) -> None:
    assert stored_bytes(TensorInfo("w", shape, dtype)) == size
    assert torch.empty(shape, dtype=getattr(torch, dtype)).nbytes == size
