"""Two versions of a model with two modules, `q` and `i`, that plain numpy can check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from tests.flows.case import write_case

PAIR = """
import torch


class Pair(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.q = torch.nn.Linear(3, 1, bias=False)
        self.i = torch.nn.Embedding(10, 1)

    def forward(self, dense, item):
        return (self.q(dense) + self.i(item)).squeeze(1)
"""


def write_pair(directory: Path, table: pa.Table | None = None, **changes: Any) -> Path:
    """Write traffic, checkpoints v1 and v2, and a config with a family that can be null; returns the config's path."""
    (directory / "pair.py").write_text(PAIR)
    for seed, name in enumerate(("v1", "v2")):
        torch.manual_seed(seed)
        torch.save({"q.weight": torch.randn(1, 3), "i.weight": torch.randn(10, 1)}, directory / f"{name}.pt")
    checkpoints = {name: {"path": f"{name}.pt", "factory": "pair.py:Pair"} for name in ("v1", "v2")}
    return write_case(directory, table, checkpoints=checkpoints, model__families={"dense": ["x*"]}, **changes)


def pair_scores(directory: Path, table: pa.Table, query: str, item: str) -> np.ndarray:
    """What a model with these modules answers, by plain numpy in float64."""
    dense = np.stack([table[f"x{place}"].fill_null(0).to_numpy().astype(np.float64) for place in range(3)], axis=1)
    weight = torch.load(directory / f"{query}.pt")["q.weight"].double().numpy()[0]
    offset = torch.load(directory / f"{item}.pt")["i.weight"].double().numpy()[:, 0]
    return 1 / (1 + np.exp(-(dense @ weight + offset[table["item"].to_numpy()])))
