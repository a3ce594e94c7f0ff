"""Two checkpoints that read the same rows by different contracts, and rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from replay.checkpoints import cached_scorer, examine
from replay.config import ReplayConfig, build_config, expand_scenarios
from replay.scoring import BatchScorer, Carried, Stopwatch, Work, plan_variants, run_preflight
from replay.scoring.routes import plan_routes, route_types

FACTORIES = """
import torch

class Prod(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = torch.nn.Linear(2, 4)
        self.ids = torch.nn.Embedding(20, 4)
        self.top = torch.nn.Linear(4, 1)

    def forward(self, dense, ids):
        return self.top(torch.tanh(self.dense(dense) + self.ids(ids))).squeeze(-1)

class First(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = torch.nn.Linear(3, 1)

    def forward(self, *, dense, seen, seen_mask):
        return {"logit": self.dense(dense).squeeze(-1) + (seen * seen_mask).sum(1) / 10}
"""
PROD = {
    "inputs": [
        {"name": "dense", "features": ["a", "b"], "missing": 0.0},
        {"name": "ids", "dtype": "int64", "feature": "item", "missing": 0},
    ],
    "output": {"transform": "sigmoid"},
    "families": {"counts": ["a", "b"]},
}
FIRST = {
    "call": "keyword",
    "inputs": [
        {"name": "dense", "features": ["b", "a", "c"], "missing": -1.0},
        {"name": "seen", "feature": "seen", "length": 3, "pad": 0.0, "missing": 0.0},
        {"name": "seen_mask", "mask_of": "seen"},
    ],
    "output": {"select": "logit"},
    "families": {"counts": ["a", "b"]},
}


def write_checkpoints(folder: Path) -> None:
    """Save weights of both, and the code that builds them."""
    (folder / "two.py").write_text(FACTORIES)
    code: dict[str, Any] = {}
    exec(FACTORIES, code)
    torch.manual_seed(7)
    for name, kind in (("prod", "Prod"), ("l1", "First")):
        torch.save(code[kind]().state_dict(), folder / f"{name}.pt")


def two_contracts(folder: Path, **more: Any) -> ReplayConfig:
    """The config of both; ``more`` replaces sections."""
    data = {
        "version": 1,
        "traffic": {"path": "traffic", "key": ["id"], "time": "at", "score": "score", "label": "label"},
        "model": PROD,
        "checkpoints": {
            "prod": {"path": "prod.pt", "factory": "two.py:Prod"},
            "l1": {"path": "l1.pt", "factory": "two.py:First", "model": FIRST},
        },
        "output": "out",
        **more,
    }
    return build_config(data, folder)


def rows(count: int) -> pa.RecordBatch:
    """Rows with nulls in every feature."""
    draws = np.random.default_rng(5)

    def gaps(values: Any) -> pa.Array:
        return pa.array(values, mask=draws.random(count) < 0.1)

    lists = [None if draws.random() < 0.1 else draws.random(draws.integers(0, 5)).tolist() for _ in range(count)]
    return pa.RecordBatch.from_pydict(
        {
            "id": pa.array(range(count), pa.int64()),
            "at": pa.array(np.arange(count) * 1_000_000, pa.timestamp("us")),
            "score": pa.array(draws.random(count)),
            "label": pa.array(draws.integers(0, 2, count)),
            "a": gaps(draws.normal(size=count)),
            "b": gaps(draws.normal(size=count)),
            "c": gaps(draws.normal(size=count)),
            "item": gaps(draws.integers(0, 20, count)),
            "seen": pa.array(lists, pa.list_(pa.float64())),
        }
    )


def scored(config: ReplayConfig, batch: pa.RecordBatch) -> pa.Table:
    """The scores table of a config, without Spark."""
    checkpoints = {
        name: examine(entry, name, base_dir=config.base_dir) for name, entry in config.file_checkpoints.items()
    }
    preflight = run_preflight(config.model, checkpoints, batch.slice(0, 64), encoded=config.encoded_model)
    assert preflight.problems == ()
    routes, variants = plan_routes(config), plan_variants(config)
    types = {**preflight.score_types, **route_types(routes, preflight.score_types)}
    work = Work(
        config.encoded_model,
        variants,
        {variant.name: types[variant.checkpoint] for variant in variants},
        (Carried("id", pa.int64(), "key"),),
        key=("id",),
        routes=routes,
        scenarios=expand_scenarios(config),
        contract=config.model,
    )
    scorers = {name: cached_scorer(each, work.called) for name, each in checkpoints.items()}
    parts = [batch.slice(start, 700) for start in range(0, batch.num_rows, 700)]
    return pa.Table.from_batches(list(BatchScorer(work, batch.schema, scorers, 256).run(parts, Stopwatch())))


def plain_entry(entry: Any) -> dict[str, Any]:
    """A checkpoint's entry as a file has it."""
    return entry if isinstance(entry, dict) else entry.model_dump(mode="json", by_alias=True, exclude_defaults=True)
