"""A small replay that plain numpy can check: a linear model over logged columns."""

from __future__ import annotations

import functools
import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import yaml

from tests.stub_session import StubSession

ROWS = 4_000
START_US = 1_763_632_800_000_000  # 2025-11-20T10:00:00Z
WEIGHTS = np.array([0.5, -1.25, 2.0], dtype=np.float32)


LOCAL_SESSION: Any = StubSession()
"""As much of a session as it takes to open local Parquet: no file system but the local one is the default."""


class Linear(torch.nn.Module):
    """sum(w * x) + e[id], as logits of shape (batch,)."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.from_numpy(WEIGHTS.copy()))
        self.offset = torch.nn.Embedding(10, 1)
        with torch.no_grad():
            self.offset.weight.copy_(torch.arange(10.0).unsqueeze(1) / 10)

    def forward(self, dense: torch.Tensor, item: torch.Tensor) -> torch.Tensor:
        return dense @ self.weight + self.offset(item).squeeze(1)


def expected_scores(table: pa.Table) -> np.ndarray:
    """What the model answers, by plain numpy in float64."""
    dense = np.stack([table[f"x{place}"].fill_null(0).to_numpy().astype(np.float64) for place in range(3)], axis=1)
    logits = dense @ WEIGHTS.astype(np.float64) + table["item"].to_numpy() / 10
    return 1 / (1 + np.exp(-logits))


def make_table(rows: int = ROWS, seed: int = 0) -> pa.Table:
    """Logged traffic: some nulls in x1, an online score that is right but for a stretch in the middle."""
    rng = np.random.default_rng(seed)
    table = pa.table(
        {
            "request_id": pa.array([f"r{place:06}" for place in range(rows)]),
            "event_time": pa.array(START_US + np.arange(rows) * 100_000, pa.timestamp("us", "UTC")),
            "x0": rng.standard_normal(rows).astype(np.float32),
            "x1": pa.array(rng.standard_normal(rows).astype(np.float32), mask=rng.random(rows) < 0.1),
            "x2": rng.standard_normal(rows),
            "item": rng.integers(0, 10, rows),
            "surface": pa.array(np.where(rng.random(rows) < 0.5, "home", "search")),
            "label": (rng.random(rows) < 0.3).astype(np.int32),
        }
    )
    scores = expected_scores(table)
    burst = slice(rows // 2, rows // 2 + rows // 20)
    scores[burst] = np.clip(scores[burst] + 0.25, 0, None)
    return table.append_column("online_score", pa.array(scores))


def config_data(**changes: Any) -> dict[str, Any]:
    """The config, as a file would hold it."""
    data: dict[str, Any] = {
        "version": 1,
        "traffic": {
            "path": "traffic",
            "key": ["request_id"],
            "time": "event_time",
            "score": "online_score",
            "label": "label",
            "segments": ["surface"],
        },
        "model": {
            "inputs": [
                {"name": "dense", "dtype": "float32", "features": ["x*"], "missing": 0.0},
                {"name": "item", "dtype": "int64", "feature": "item"},
            ],
            "output": {"transform": "sigmoid"},
        },
        "checkpoints": {"prod": {"path": "prod.pt2"}},
        "diff": {"tolerance": {"abs": 1e-5, "rel": 1e-4}},
        "output": "out",
    }
    for path, value in changes.items():
        section = data
        *heads, last = path.split("__")
        for head in heads:
            section = section[head]
        section[last] = value
    return data


def write_case(directory: Path, table: pa.Table | None = None, files: int = 4, **changes: Any) -> Path:
    """Write traffic, checkpoint and config; returns the config's path."""
    table = make_table() if table is None else table
    (directory / "traffic").mkdir(parents=True, exist_ok=True)
    step = -(-table.num_rows // files)
    for number in range(files):
        part = table.slice(number * step, step)
        pq.write_table(part, directory / "traffic" / f"part-{number}.parquet", row_group_size=500)
    write_model(directory / "prod.pt2")
    config = directory / "replay.yaml"
    config.write_text(yaml.safe_dump(config_data(**changes), sort_keys=False))
    return config


def write_model(path: Path) -> None:
    """Write the model as ``torch.export`` has it."""
    path.write_bytes(_exported())


@functools.cache
def _exported() -> bytes:
    """With a dynamic batch; the same bytes each time."""
    batch = torch.export.Dim("batch")
    example = (torch.zeros(4, 3), torch.zeros(4, dtype=torch.int64))
    file = io.BytesIO()
    torch.export.save(torch.export.export(Linear(), example, dynamic_shapes=({0: batch}, {0: batch})), file)
    return file.getvalue()
