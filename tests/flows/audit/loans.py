"""Real loan applications, a model trained on them, and served logs that differ from them as planted here.

Costs are computed here too, by plain torch and numpy over pandas columns, with none of the engine's code.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml

from tests.conftest import real_file

NUMBERS = (
    "person_age",
    "person_income",
    "person_emp_length",
    "loan_amnt",
    "loan_int_rate",
    "credit_card_due",
    "missed_payments_1y",
    "population",
)
UNUSED = "mortgage_due"
"""The model reads it, and makes nothing of it."""
INTENTS = ("DEBTCONSOLIDATION", "EDUCATION", "HOMEIMPROVEMENT", "MEDICAL", "PERSONAL", "VENTURE")
KEY, TIME, LABEL, ENTITY, SEGMENT = "loan_id", "event_timestamp", "loan_status", "state", "person_home_ownership"
ROWS = 8_000


class Scorecard(torch.nn.Module):
    """A small network over standardised logarithms, and an embedding of the intent."""

    def __init__(self, mean: torch.Tensor, scale: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        self.intent = torch.nn.Embedding(len(INTENTS) + 1, 4)
        self.hidden = torch.nn.Linear(len(NUMBERS) + 4, 16)
        self.out = torch.nn.Linear(16, 1)

    def forward(self, numbers: torch.Tensor, intent: torch.Tensor) -> torch.Tensor:
        """Logits, (batch,)."""
        used = torch.log1p(numbers[:, : len(NUMBERS)].clamp(min=0))
        dense = (used - self.mean) / self.scale
        hidden = torch.relu(self.hidden(torch.cat([dense, self.intent(intent)], dim=1)))
        return self.out(hidden).squeeze(1)


def tensors(rows: pd.DataFrame) -> tuple[torch.Tensor, torch.Tensor]:
    """The model's arguments: a null is 0, an unknown intent the last index."""
    numbers = rows[[*NUMBERS, UNUSED]].astype(float).fillna(0.0).to_numpy(np.float32)
    codes = {name: place for place, name in enumerate(INTENTS)}
    intents = [codes.get(name, len(INTENTS)) for name in rows["loan_intent"]]
    return torch.from_numpy(numbers), torch.tensor(intents)


def train(rows: pd.DataFrame) -> Scorecard:
    """Fit it on all rows, always alike."""
    torch.manual_seed(0)
    numbers, intent = tensors(rows)
    logs = torch.log1p(numbers[:, : len(NUMBERS)].clamp(min=0))
    model = Scorecard(logs.mean(0), logs.std(0) + 1e-6)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    labels = torch.tensor(rows[LABEL].to_numpy(np.float32))
    for _ in range(150):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(model(numbers, intent), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


@dataclass(frozen=True)
class Loans:
    """The case: rows as the traffic logs them, and the model."""

    rows: pd.DataFrame
    model: Scorecard

    def scores(self, rows: pd.DataFrame | None = None) -> np.ndarray:
        """Probabilities in float64."""
        with torch.no_grad():
            return torch.sigmoid(self.model(*tensors(self.rows if rows is None else rows))).double().numpy()

    def with_columns(self, served: pd.DataFrame, names: list[str]) -> pd.DataFrame:
        """The rows with some columns of another table, by key; a column that it lacks is null."""
        other = served.set_index(KEY).reindex(self.rows[KEY])
        changed = self.rows.copy()
        for name in names:
            changed[name] = other[name].to_numpy() if name in other else None
        return changed

    def ne(self, scores: np.ndarray) -> float:
        """Normalised entropy against the label."""
        labels = self.rows[LABEL].to_numpy(float)
        scores, rate = np.clip(scores, 1e-12, 1 - 1e-12), labels.mean()
        entropy = -(rate * np.log(rate) + (1 - rate) * np.log(1 - rate))
        return float(-(labels * np.log(scores) + (1 - labels) * np.log(1 - scores)).mean() / entropy)

    def cost(self, served: pd.DataFrame, *names: str) -> tuple[float, float]:
        """Mean change of the score by size, and of NE, with another table's values."""
        before, after = self.scores(), self.scores(self.with_columns(served, list(names)))
        return float(np.abs(after - before).mean()), self.ne(after) - self.ne(before)


def load_loans() -> Loans:
    """Read the rows and train the model."""
    path = real_file("loans/training_set.parquet")
    rows = pd.read_parquet(path).sort_values(TIME).head(ROWS).reset_index(drop=True)
    for name in (*NUMBERS, UNUSED):
        rows[name] = rows[name].astype(float)
    rows = rows[[KEY, TIME, LABEL, ENTITY, SEGMENT, "loan_intent", *NUMBERS, UNUSED]]
    return Loans(rows, train(rows))


def write_case(directory: Path, loans: Loans, served: pd.DataFrame, **changes: Any) -> Path:
    """Write traffic, served log, checkpoint and config; returns the config's path."""
    traffic = loans.rows.assign(online_score=loans.scores())
    traffic.to_parquet(directory / "traffic.parquet", index=False)
    served.to_parquet(directory / "served.parquet", index=False)
    batch, numbers, intent = torch.export.Dim("batch"), torch.zeros(4, len(NUMBERS) + 1), torch.zeros(4).long()
    exported = torch.export.export(loans.model, (numbers, intent), dynamic_shapes=({0: batch}, {0: batch}))
    torch.export.save(exported, directory / "prod.pt2")
    data: dict[str, Any] = {
        "version": 1,
        "traffic": {
            "path": "traffic.parquet",
            "key": [KEY],
            "time": TIME,
            "score": "online_score",
            "label": LABEL,
            "entity": ENTITY,
            "segments": [SEGMENT],
        },
        "model": {
            "inputs": [
                {"name": "numbers", "dtype": "float32", "features": [*NUMBERS, UNUSED], "missing": 0.0},
                {
                    "name": "intent",
                    "dtype": "int64",
                    "feature": "loan_intent",
                    "vocabulary": "intents.json",
                    "unknown": len(INTENTS),
                    "missing": len(INTENTS),
                },
            ],
            "output": {"transform": "sigmoid"},
            "families": {"person": ["person_*"], "loan": ["loan_amnt", "loan_int_rate", "loan_intent"]},
        },
        "checkpoints": {"prod": {"path": "prod.pt2"}},
        "sources": {"served": {"path": "served.parquet", "key": [KEY]}},
        "audits": {"logging": {"against": "served"}},
        "diff": {"tolerance": {"abs": 1e-5, "rel": 1e-4}, "bucket": "30d"},
        "output": "out",
        **changes,
    }
    (directory / "intents.json").write_text(json.dumps(list(INTENTS)))
    config = directory / "replay.yaml"
    config.write_text(yaml.safe_dump(data, sort_keys=False))
    return config


def older(rows: pd.DataFrame, name: str, hours: float) -> np.ndarray:
    """What each row's entity had logged so long before: by a loop; null where it had nothing."""
    times, entities = rows[TIME].to_numpy("datetime64[us]").astype(np.int64), rows[ENTITY].to_numpy()
    found = np.full(len(rows), np.nan)
    for entity in np.unique(entities):
        places = np.flatnonzero(entities == entity)
        values = rows[name].to_numpy()[places]
        for place in places:
            before = np.flatnonzero(times[places] <= times[place] - hours * 3.6e9)
            if before.size:
                found[place] = values[before[-1]]
    return found
