"""The case's model as weights with a factory, in modules beside the config that tests edit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import yaml

from replay.flows.finished.result import RunResult
from tests.flows.case import Linear, config_data, make_table

ROWS = 200
# Logits are scaled by what a helper says, so that an edit of the helper alone changes every score.
MODELS = """
import torch
from {helper} import SCALE

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(3))
        self.offset = torch.nn.Embedding(10, 1)

    def forward(self, dense, item):
        return SCALE * (dense @ self.weight + self.offset(item).squeeze(1))

def build():
    return Net()
"""
OPS = """
import pyarrow as pa
from {helper} import SHIFT

class Shift:
    def apply(self, values, draw):
        return pa.array([None if value is None else value + SHIFT for value in values.to_pylist()], values.type)
"""


def write_own_case(
    directory: Path, helper: str, factory: str, rows: int = ROWS, **changes: Any
) -> tuple[Path, pa.Table]:
    """Write traffic, weights, a factory with its helper, and the config; returns the config's path and the traffic."""
    table = make_table(rows=rows)
    (directory / "traffic").mkdir()
    pq.write_table(table, directory / "traffic" / "part.parquet")
    config = directory / "replay.yaml"
    given = {"checkpoints": {"prod": {"path": "prod.pt", "factory": factory}}, **changes}
    config.write_text(yaml.safe_dump(config_data(**given), sort_keys=False))
    torch.save(Linear().state_dict(), directory / "prod.pt")
    module = factory.partition(":")[0].removesuffix(".py")
    (directory / f"{module}.py").write_text(MODELS.format(helper=helper))
    (directory / f"{helper}.py").write_text("SCALE = 1.0\n")
    return config, table


def write_looked_up_case(directory: Path, name: str, rows: int = ROWS) -> Path:
    """The same with an item that a vocabulary looks up; returns the config's path."""
    looked_up = {"name": "item", "dtype": "int64", "feature": "surface", "vocabulary": "surfaces.json"}
    inputs = [config_data()["model"]["inputs"][0], looked_up]
    config, _ = write_own_case(directory, f"{name}_layers", f"{name}_models.py:build", rows=rows, model__inputs=inputs)
    (directory / "surfaces.json").write_text(json.dumps({"home": 3, "search": 7}))
    return config


def scaled_scores(table: pa.Table, scale: float, shift: float = 0.0) -> dict[str, float]:
    """By request: the model's answer with scaled logits, by plain numpy in float64; `shift` is added to logged x0."""
    weights = np.array([0.5, -1.25, 2.0])
    dense = np.stack([table[f"x{place}"].fill_null(0).to_numpy().astype(np.float64) for place in range(3)], axis=1)
    dense[:, 0] += shift
    scores = 1 / (1 + np.exp(-scale * (dense @ weights + table["item"].to_numpy() / 10)))
    return dict(zip(table["request_id"].to_pylist(), scores.tolist(), strict=True))


def scores_of(result: RunResult, column: str = "prod") -> dict[str, float]:
    return {row[0]: row[1] for row in result.scores.select("request_id", column).collect()}


def furthest(found: dict[str, float], expected: dict[str, float]) -> float:
    assert found.keys() == expected.keys()
    return max(abs(found[key] - expected[key]) for key in expected)
