"""Real logged impressions and a two-tower model trained on them.

Tensors are built here from plain Python values, with none of the engine's code.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from tests.flows.towers import USER_BUCKETS, TwoTower, build

LENGTH = 80
USERS = [f"user_feature_{place}" for place in range(4)]
INPUTS = [
    {
        "name": "user",
        "dtype": "int64",
        "features": USERS,
        "hash": {"function": "crc32", "buckets": USER_BUCKETS},
    },
    {"name": "item", "dtype": "int64", "features": ["item_id"]},
    {"name": "item_float", "dtype": "float32", "features": ["item_feature_0"]},
    {"name": "position", "dtype": "float32", "features": ["position"]},
    {"name": "affinity", "dtype": "float32", "feature": "affinity", "length": LENGTH, "pad": 0.0},
    {"name": "mask", "dtype": "float32", "mask_of": "affinity"},
]

RARE = 200.0
"""Weight of a click, of which there are few: without it the model learns to answer the same to all."""

Tensors = tuple[torch.Tensor, ...]


def oracle_tensors(rows: list[dict[str, Any]]) -> Tensors:
    """The model's arguments, from plain values."""
    padded = [(row["affinity"] + [0.0] * LENGTH)[:LENGTH] for row in rows]
    mask = [[float(place < len(row["affinity"])) for place in range(LENGTH)] for row in rows]
    return (
        torch.tensor([[zlib.crc32(row[name].encode()) % USER_BUCKETS for name in USERS] for row in rows]),
        torch.tensor([[row["item_id"]] for row in rows]),
        torch.tensor([[row["item_feature_0"]] for row in rows], dtype=torch.float32),
        torch.tensor([[float(row["position"])] for row in rows]),
        torch.tensor(padded, dtype=torch.float32),
        torch.tensor(mask),
    )


def train(tensors: Tensors, clicks: torch.Tensor) -> Iterator[TwoTower]:
    """A few passes over the first half of the log: the model after each."""
    torch.manual_seed(0)
    model = build()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    half = len(clicks) // 2
    while True:
        for start in range(0, half, 1000):
            rows = slice(start, start + 1000)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                model(*(one[rows] for one in tensors)), clicks[rows], pos_weight=torch.tensor(RARE)
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        after = build()
        after.load_state_dict(model.state_dict())
        yield after.eval()


def export(model: TwoTower, tensors: Tensors, path: Path) -> None:
    """A ``torch.export`` archive with a dynamic batch."""
    batch = torch.export.Dim("batch")
    example = tuple(one[:8] for one in tensors)
    shapes = tuple({0: batch} for _ in example)
    torch.export.save(torch.export.export(model, example, dynamic_shapes=shapes), path)


def sigmoid_scores(model: TwoTower, tensors: Tensors) -> torch.Tensor:
    """What plain torch answers, (num_rows,)."""
    with torch.inference_mode():
        return torch.sigmoid(model(*tensors))


@dataclass(frozen=True)
class RealCase:
    """The log, its tensors, and two versions of the model; v1 served it."""

    table: pa.Table
    rows: list[dict[str, Any]]
    tensors: Tensors
    v1: TwoTower
    v2: TwoTower
    online: torch.Tensor

    def write_traffic(self, path: Path, **columns: list[Any]) -> None:
        """Write the log with the online score, and other columns."""
        table = self.table.append_column("online_score", pa.array(self.online.numpy()))
        for name, values in columns.items():
            table = table.append_column(name, pa.array(values))
        pq.write_table(table, path, row_group_size=10_000)


def make_case(impressions: Path) -> RealCase:
    """Read the log and train on it."""
    table = pq.read_table(impressions)
    rows = table.to_pylist()
    tensors = oracle_tensors(rows)
    versions = train(tensors, torch.tensor([float(row["click"]) for row in rows]))
    v1, v2 = next(versions), next(versions)
    return RealCase(table, rows, tensors, v1, v2, sigmoid_scores(v1, tensors))
