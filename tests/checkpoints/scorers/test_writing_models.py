"""Models that write to their inputs, in every format: the next checkpoint scores the same rows as if they did not."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.checkpoints.models import FORMATS, opened, ranker, rows, save

MODELS = "tests.checkpoints.writing_models"
LARGE = 1.0
TRACED = ("torch.export", "onnx")
CASES = [
    (form, kind)
    for form in FORMATS
    for kind in ("Clipping", "Halving", "Branching")
    if kind != "Branching" or form not in TRACED
]


def plain(model: nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """What torch gives on inputs of its own."""
    with torch.no_grad():
        scores: torch.Tensor = model(**{name: tensor.clone() for name, tensor in batch.items()})
    return scores


@pytest.mark.parametrize(("form", "kind"), CASES)
def test_the_next_checkpoint_scores_the_same_rows(form: str, kind: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    # Looked up anew: a factory's module is imported again when it is scored with.
    writer, reader = import_module(MODELS).build(kind).eval(), ranker()
    config: dict[str, Any] = {}
    if form in ("state_dict", "safetensors"):
        config = {"factory": f"{MODELS}:build", "kwargs": {"kind": kind}}
    first = opened(save(form, writer, tmp_path / "writer", tuple(rows(4).values())), **config)
    second = opened(save("torchscript", reader, tmp_path / "reader"))
    for seed, large in ((1, True), (2, False), (3, True)):
        batch = rows(30, seed=seed)
        batch["dense"].clamp_(max=5.0 if large else LARGE)
        assert (float(batch["dense"].max()) > LARGE) == large
        given = {name: tensor.clone() for name, tensor in batch.items()}
        torch.testing.assert_close(first.score(given), plain(writer, batch), rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(second.score(given), plain(reader, batch), rtol=1e-6, atol=1e-6)
