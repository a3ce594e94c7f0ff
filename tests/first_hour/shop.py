"""A shop whose ranker answered listings: the table, the model and the service are plain numpy and torch.

Nothing here uses the engine: the logged scores are what a service of its own answered.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import yaml

NUM_ROWS = 2_400
COUNTRIES = ["br", "de", "fr", "in", "jp", "us"]
LONGEST = 6
RANKER = '''
import torch
from torch import nn


class Ranker(nn.Module):
    """Logits of a click."""

    def __init__(self, heads=1):
        super().__init__()
        self.user = nn.Embedding(301, 4)
        self.item = nn.Embedding(101, 4)
        self.country = nn.Embedding(7, 2)
        self.head = nn.Sequential(nn.Linear(3 + 4 + 4 + 2 + 4, 16), nn.ReLU(), nn.Linear(16, heads))

    def forward(self, dense, user, item, country, clicked, clicked_mask):
        history = (self.item(clicked) * clicked_mask.unsqueeze(2)).sum(1)
        parts = [dense, self.user(user), self.item(item), self.country(country), history]
        return self.head(torch.cat(parts, 1))


def build(heads=1):
    return Ranker(heads)


class Unmasked(Ranker):
    def forward(self, dense, user, item, country, clicked):
        return super().forward(dense, user, item, country, clicked, torch.ones(clicked.shape))


def unmasked():
    return Unmasked()


def broken():
    raise RuntimeError("no such layer size: 16")


def other():
    return nn.Linear(3, 1)
'''


def config() -> dict[str, Any]:
    """The config that reproduces what the service answered."""
    return copy.deepcopy(
        {
            "version": 1,
            "traffic": {
                "path": "log",
                "key": ["request_id", "item_id"],
                "time": "shown_at",
                "score": "pctr",
                "label": "clicked",
                "group": "request_id",
                "entity": "user_id",
                "segments": ["device"],
            },
            "model": {
                "call": "positional",
                "inputs": [
                    {"name": "dense", "features": ["price", "age", "stars"], "missing": {"age": 30.0}},
                    {"name": "user", "dtype": "int64", "feature": "user_id"},
                    {"name": "item", "dtype": "int64", "feature": "item_id"},
                    {
                        "name": "country",
                        "dtype": "int64",
                        "feature": "country",
                        "vocabulary": "country.json",
                        "unknown": 0,
                        "missing": 0,
                    },
                    {"name": "clicked", "dtype": "int64", "feature": "clicked_ids", "length": LONGEST, "pad": 0},
                    {"name": "clicked_mask", "dtype": "float32", "mask_of": "clicked"},
                ],
                "output": {"transform": "sigmoid"},
                "families": {"profile": ["age", "country"], "history": ["clicked_ids"]},
            },
            "checkpoints": {
                "prod": {"path": "prod.pt", "factory": "ranker.py:build"},
                "older": {"path": "older.pt", "factory": "ranker.py:build"},
            },
            "baseline": "prod",
            "scenarios": {"profile_null": [{"op": "nulls", "families": ["profile"]}]},
            "gates": [{"variant": "prod", "against": "online", "metric": "mismatch_rate", "max": 0.001}],
            "output": "out",
        }
    )


class Shop:
    """A folder with the log, the checkpoints, the code and the config."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = config()

    def write_config(self) -> Path:
        file = self.folder / "replay.yaml"
        file.write_text(yaml.safe_dump(self.config, sort_keys=False), encoding="utf-8")
        return file

    def table(self) -> pa.Table:
        return pq.read_table(self.folder / "log")

    def write_table(self, table: pa.Table) -> None:
        for old in (self.folder / "log").glob("*.parquet"):
            old.unlink()
        half = table.num_rows // 2
        pq.write_table(table.slice(0, half), self.folder / "log" / "part-0.parquet")
        pq.write_table(table.slice(half), self.folder / "log" / "part-1.parquet")

    def replace(self, name: str, values: Any) -> None:
        """Replace a column of the log."""
        table = self.table()
        column = values if isinstance(values, (pa.Array, pa.ChunkedArray)) else pa.array(values)
        self.write_table(table.set_column(table.schema.get_field_index(name), name, column))

    def column(self, name: str) -> np.ndarray:
        return np.asarray(self.table()[name].to_numpy(zero_copy_only=False))


def build_shop(folder: Path) -> Shop:
    """Train nothing, serve honestly: random weights, and the logged scores of a service written by hand."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ranker.py").write_text(RANKER, encoding="utf-8")
    (folder / "country.json").write_text(json.dumps({name: at + 1 for at, name in enumerate(COUNTRIES)}))
    scope: dict[str, Any] = {}
    exec(RANKER, scope)
    for seed, name in enumerate(["prod", "older"]):
        torch.manual_seed(seed)
        torch.save(scope["build"]().state_dict(), folder / f"{name}.pt")
    (folder / "log").mkdir()
    shop = Shop(folder)
    shop.write_table(serve(folder, draw(np.random.default_rng(7))))
    return shop


def draw(rng: np.random.Generator) -> dict[str, Any]:
    """What was logged beside the score."""
    requests = NUM_ROWS // 4
    start = np.datetime64("2026-11-20T10:00:00", "us")
    shown = np.sort(rng.integers(0, 7_200_000_000, requests))
    lengths = rng.integers(0, LONGEST + 1, NUM_ROWS)
    ages = [None if rng.random() < 0.1 else float(rng.integers(18, 80)) for _ in range(NUM_ROWS)]
    countries = [None if rng.random() < 0.03 else str(rng.choice(COUNTRIES)) for _ in range(NUM_ROWS)]
    return {
        "request_id": [f"r{at // 4:05d}" for at in range(NUM_ROWS)],
        "item_id": np.concatenate([rng.choice(np.arange(1, 101), 4, replace=False) for _ in range(requests)]),
        "user_id": np.repeat(rng.integers(1, 301, requests), 4),
        "shown_at": pa.array(start + np.repeat(shown, 4).astype("timedelta64[us]"), pa.timestamp("us", "UTC")),
        "price": np.round(rng.lognormal(0.0, 0.8, NUM_ROWS), 2),
        "age": pa.array(ages, pa.float64()),
        "stars": rng.integers(1, 6, NUM_ROWS),
        "country": pa.array(countries, pa.string()),
        "device": rng.choice(["phone", "desk"], NUM_ROWS).tolist(),
        "clicked_ids": pa.array([rng.integers(1, 101, n).tolist() for n in lengths], pa.list_(pa.int64())),
        "model_version": ["17"] * NUM_ROWS,
    }


def serve(folder: Path, logged: dict[str, Any]) -> pa.Table:
    """The service: its own preprocessing, its own loop."""
    scope: dict[str, Any] = {}
    exec(RANKER, scope)
    model = scope["build"]()
    model.load_state_dict(torch.load(folder / "prod.pt"))
    model.eval()
    index = json.loads((folder / "country.json").read_text())
    ages = [30.0 if age is None else age for age in logged["age"].to_pylist()]
    dense = torch.tensor(np.stack([logged["price"], ages, logged["stars"]], 1), dtype=torch.float32)
    clicked = torch.zeros(NUM_ROWS, LONGEST, dtype=torch.int64)
    mask = torch.zeros(NUM_ROWS, LONGEST)
    for row, ids in enumerate(logged["clicked_ids"].to_pylist()):
        clicked[row, : len(ids)] = torch.tensor(ids, dtype=torch.int64)
        mask[row, : len(ids)] = 1.0
    inputs = (
        dense,
        torch.tensor(logged["user_id"]),
        torch.tensor(logged["item_id"]),
        torch.tensor([index.get(name, 0) for name in logged["country"].to_pylist()]),
        clicked,
        mask,
    )
    with torch.no_grad():
        scores = torch.sigmoid(model(*inputs)[:, 0]).numpy()
    clicks = (np.random.default_rng(8).random(NUM_ROWS) < scores).astype(np.int64)
    return pa.table({**logged, "pctr": scores, "clicked": clicks})
