"""Five differences planted in a contract: each is found, and costs what plain torch and an independent encoder say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from pyspark.sql import SparkSession

from replay.config.sections.model.input import Input
from tests.cli.command_line import replay
from tests.features import oracle

ROWS = 2_000
COUNTRIES = ("de", "es", "fr", "it", "us")
FACTORY = """
import torch

class Ranker(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = torch.nn.Linear(2, 4)
        self.counts = torch.nn.Linear(1, 4)
        self.country = torch.nn.Embedding(8, 4)
        self.query = torch.nn.Embedding(64, 4)
        self.items = torch.nn.Embedding(100, 4)
        self.top = torch.nn.Linear(4, 1)

    def forward(self, dense, counts, country, query, seen):
        mixed = self.dense(dense) + self.counts(counts) + self.country(country) + self.query(query)
        return self.top(torch.tanh(mixed + self.items(seen).mean(1))).squeeze(-1)
"""
INPUTS: tuple[dict[str, Any], ...] = (
    {"name": "dense", "features": ["a", "b"], "missing": 0.0},
    {"name": "counts", "features": ["clicks"], "missing": 0.0, "transform": "log1p"},
    {"name": "country", "dtype": "int64", "feature": "country", "vocabulary": "country.json", "unknown": 0},
    {"name": "query", "dtype": "int64", "feature": "query", "hash": {"function": "xxhash64", "buckets": 64}},
    {"name": "seen", "dtype": "int64", "feature": "seen", "length": 50, "pad": 0},
)
OTHER: dict[str, dict[str, Any]] = {
    "dense": {**INPUTS[0], "missing": -1.0},
    "counts": {key: value for key, value in INPUTS[1].items() if key != "transform"},
    "country": {**INPUTS[2], "vocabulary": "shifted.json"},
    "query": {**INPUTS[3], "hash": {"function": "xxhash64", "buckets": 64, "seed": 1}},
    "seen": {**INPUTS[4], "length": 49},
}
WORDS = {
    "dense": "`missing` is `0.0` in the first, `-1.0` in the second",
    "counts": "`transform` is `log1p` in the first, not given in the second",
    "country": "5 values have another index, all by +1",
    "query": "`hash` is",
    "seen": "`length` is `50` in the first, `49` in the second",
}


def make_rows() -> pa.RecordBatch:
    draws = np.random.default_rng(11)

    def gaps(values: Any) -> pa.Array:
        return pa.array(values, mask=draws.random(ROWS) < 0.1)

    lists = [draws.integers(1, 100, draws.integers(30, 70)).tolist() for _ in range(ROWS)]
    return pa.RecordBatch.from_pydict(
        {
            "id": pa.array(range(ROWS), pa.int64()),
            "score": pa.array(draws.random(ROWS)),
            "label": pa.array(draws.integers(0, 2, ROWS)),
            "a": gaps(draws.normal(size=ROWS)),
            "b": gaps(draws.normal(size=ROWS)),
            "clicks": gaps(draws.integers(0, 500, ROWS)),
            "country": pa.array(draws.choice([*COUNTRIES, "xx"], ROWS)),
            "query": pa.array([f"query {number}" for number in draws.integers(0, 300, ROWS)]),
            "seen": pa.array(lists, pa.list_(pa.int64())),
        }
    )


LOGGED = make_rows()


@pytest.fixture
def case(tmp_path: Path) -> Path:
    (tmp_path / "ranker.py").write_text(FACTORY)
    for name, first in (("country", 1), ("shifted", 2)):
        vocabulary = {country: place for place, country in enumerate(COUNTRIES, start=first)}
        (tmp_path / f"{name}.json").write_text(json.dumps(vocabulary))
    torch.manual_seed(3)
    torch.save(_module().state_dict(), tmp_path / "prod.pt")
    (tmp_path / "traffic").mkdir()
    pq.write_table(pa.Table.from_batches([LOGGED]), tmp_path / "traffic" / "rows.parquet")
    for name, inputs in (("replay", INPUTS), ("other", tuple(OTHER.values()))):
        data = {
            "version": 1,
            "traffic": {"path": "traffic", "key": ["id"], "score": "score", "label": "label"},
            "model": {"inputs": list(inputs), "output": {"transform": "sigmoid"}},
            "checkpoints": {"prod": {"path": "prod.pt", "factory": "ranker.py:Ranker"}},
            "output": "out",
        }
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(data))
    return tmp_path


def _module() -> torch.nn.Module:
    code: dict[str, Any] = {}
    exec(FACTORY, code)
    module: torch.nn.Module = code["Ranker"]()
    return module


@pytest.mark.spark
def test_each_is_found_and_costs_what_plain_torch_says(
    spark: SparkSession, case: Path, capsys: pytest.CaptureFixture[str]
):
    assert replay("contract", case / "replay.yaml", "--against", case / "other.yaml", "--json") == 1

    told = json.loads(capsys.readouterr().out)["against"]
    said = {one["input"]: one["words"] for one in told["found"]["differences"]}
    assert said.keys() == WORDS.keys()
    assert all(words in said[name] for name, words in WORDS.items())
    assert "1" in said["query"].partition(" in the first, ")[2]
    before = _plain_scores(case, {})
    swaps = {name: {name: entry} for name, entry in OTHER.items()} | {"all": OTHER}
    assert list(told["costs"]) == list(swaps)
    for name, swapped in swaps.items():
        after, cost = _plain_scores(case, swapped), told["costs"][name]
        assert cost["mean_abs"] == pytest.approx(np.abs(after - before).mean(), rel=1e-4), name
        assert cost["changes"]["ne_increase"]["value"] == pytest.approx(_ne(after) - _ne(before), abs=1e-5), name


def _plain_scores(case: Path, swapped: dict[str, dict[str, Any]]) -> np.ndarray:
    """Scores by plain torch of what the slow encoder makes of each row; ``log1p`` is numpy's."""
    entries = [swapped.get(entry["name"], entry) for entry in INPUTS]
    inputs = [
        Input.model_validate(
            {key: value for key, value in entry.items() if key != "transform"}
            | ({"vocabulary": str(case / entry["vocabulary"])} if "vocabulary" in entry else {})
        )
        for entry in entries
    ]
    tensors, rejected = oracle.encode(inputs, LOGGED, lists=("seen",))
    assert not any(rejected)
    values = {name: np.asarray(column) for name, column in tensors.items()}
    if "transform" in entries[1]:
        values["counts"] = np.log1p(values["counts"])
    module = _module()
    module.load_state_dict(torch.load(case / "prod.pt"))
    floats = {name: torch.tensor(values[name], dtype=torch.float32) for name in ("dense", "counts")}
    ids = {name: torch.tensor(values[name], dtype=torch.int64) for name in ("country", "query", "seen")}
    with torch.inference_mode():
        scores: np.ndarray = torch.sigmoid(module(**floats, **ids)).double().numpy()
    return scores


def _ne(scores: np.ndarray) -> float:
    """Log loss over that of the mean label."""
    labels = LOGGED.column("label").to_numpy().astype(float)
    loss = -(labels * np.log(scores) + (1 - labels) * np.log1p(-scores)).mean()
    mean = labels.mean()
    return float(loss / -(mean * np.log(mean) + (1 - mean) * np.log(1 - mean)))
