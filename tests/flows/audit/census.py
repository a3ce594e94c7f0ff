"""Census answers of four years, and a model of who is employed that was trained on the first."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml

from tests.conftest import real_file

CODES = [
    "SCHL", "MAR", "RELP", "DIS", "ESP", "CIT", "MIG", "MIL",
    "NATIVITY", "DEAR", "DEYE", "DREM", "SEX", "RAC1P",
]  # fmt: skip
FEATURES = ["AGEP", *CODES]
LABEL, BUCKETS = "employed", 499
STATES = {"1": "married", "2": "widowed", "3": "divorced", "4": "separated", "5": "never"}


class Answers(torch.nn.Module):
    """A logit: a curve of the age, and a weight for each code of each question."""

    def __init__(self) -> None:
        super().__init__()
        self.age = torch.nn.Sequential(torch.nn.Linear(1, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
        self.weights = torch.nn.Embedding(len(CODES) * BUCKETS, 1)
        torch.nn.init.zeros_(self.weights.weight)

    def forward(self, age: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """(batch,)."""
        places = codes + torch.arange(len(CODES)) * BUCKETS
        return self.age((age - 40) / 20).squeeze(1) + self.weights(places).squeeze(2).sum(1)


def tensors(rows: pd.DataFrame) -> tuple[torch.Tensor, torch.Tensor]:
    """The model's arguments: a null age is 0, a code its CRC-32."""
    hashed = {value: zlib.crc32(value.encode()) % BUCKETS for name in CODES for value in rows[name].unique()}
    codes = np.stack([rows[name].map(hashed).to_numpy(np.int64) for name in CODES], axis=1)
    return torch.tensor(rows.AGEP.fillna(0).to_numpy(np.float32))[:, None], torch.from_numpy(codes)


def scores(model: Answers, rows: pd.DataFrame) -> np.ndarray:
    """Probabilities in float64."""
    with torch.no_grad():
        return torch.sigmoid(model(*tensors(rows))).double().numpy()


def load_years(rows: int, seed: int = 0) -> pd.DataFrame:
    """So many answers of each year, each with a day of that year."""
    years = pd.read_parquet(real_file("census_years/census_years.parquet"))
    years = years.groupby("year").sample(rows, random_state=seed).reset_index(drop=True)
    days = pd.to_timedelta(np.random.default_rng(seed).integers(0, 360, len(years)), unit="D")
    return years.assign(at=pd.to_datetime(years.year.astype(str) + "-01-01", utc=True) + days)


def train(rows: pd.DataFrame) -> Answers:
    """Fit the model, always alike."""
    torch.manual_seed(0)
    model, arguments = Answers(), tensors(rows)
    labels = torch.tensor(rows[LABEL].to_numpy(np.float32))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(60):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(model(*arguments), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def write_case(directory: Path, model: Answers, now: pd.DataFrame, before: pd.DataFrame, **changes: Any) -> Path:
    """Write both tables, the model and the config; returns the config's path."""
    now.assign(score=scores(model, now)).to_parquet(directory / "now.parquet", index=False)
    before.to_parquet(directory / "before.parquet", index=False)
    batch, example = torch.export.Dim("batch"), (torch.zeros(4, 1), torch.zeros(4, len(CODES)).long())
    exported = torch.export.export(model, example, dynamic_shapes=({0: batch}, {0: batch}))
    torch.export.save(exported, directory / "prod.pt2")
    hashed = {"function": "crc32", "buckets": BUCKETS}
    data = {
        "version": 1,
        "traffic": {
            "path": "now.parquet", "key": ["id"], "time": "at", "score": "score", "label": LABEL, "segments": ["SEX"],
        },
        "model": {
            "inputs": [
                {"name": "age", "dtype": "float32", "features": ["AGEP"], "missing": 0},
                {"name": "codes", "dtype": "int64", "features": CODES, "hash": hashed},
            ],
            "output": {"transform": "sigmoid"},
        },
        "checkpoints": {"prod": {"path": "prod.pt2"}},
        "sources": {"earlier": {"path": "before.parquet", "time": "at", "buckets": "365d"}},
        "audits": {"drift": {"against": "earlier"}},
        "diff": {"bucket": "30d"},
        "output": "out",
        **changes,
    }  # fmt: skip
    config = directory / "replay.yaml"
    config.write_text(yaml.safe_dump(data, sort_keys=False))
    return config
