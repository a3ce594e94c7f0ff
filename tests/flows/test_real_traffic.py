"""Real logged impressions, a model trained on them, every format: the replay agrees with plain torch on every row.

The tensors of the oracle are built here from plain Python values, with none of the engine's code.
"""

from __future__ import annotations

import json
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from pyspark.sql import SparkSession
from safetensors.torch import save_file
from sklearn.metrics import roc_auc_score

import replay
from tests.flows.towers import USER_BUCKETS, TwoTower, build

pytestmark = [pytest.mark.spark, pytest.mark.real_data]

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


def oracle_tensors(rows: list[dict[str, Any]]) -> tuple[torch.Tensor, ...]:
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


def train(tensors: tuple[torch.Tensor, ...], clicks: torch.Tensor) -> TwoTower:
    """A few passes over the first half of the log."""
    torch.manual_seed(0)
    model = build()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    half = len(clicks) // 2
    for start in range(0, half, 1000):
        rows = slice(start, start + 1000)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            model(*(one[rows] for one in tensors)), clicks[rows]
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def save(model: TwoTower, tensors: tuple[torch.Tensor, ...], directory: Path) -> dict[str, dict[str, str]]:
    """Every format of the issue, as people write them; the config's `checkpoints`."""
    batch = torch.export.Dim("batch")
    example = tuple(one[:8] for one in tensors)
    torch.export.save(
        torch.export.export(model, example, dynamic_shapes=tuple({0: batch} for _ in example)), directory / "model.pt2"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch advises torch.export; this is for what exists
        torch.jit.save(torch.jit.trace(model, example), directory / "model.ts")
    torch.save(model.state_dict(), directory / "weights.pt")
    save_file(model.state_dict(), directory / "weights.safetensors")
    optimizer = torch.optim.Adam(model.parameters())
    wrapped = {f"module.{name}": value for name, value in model.state_dict().items()}
    torch.save(
        {"model_state": wrapped, "optimizer": optimizer.state_dict(), "epoch": np.int64(3)}, directory / "last.ckpt"
    )
    factory = "towers.py:build"
    return {
        "exported": {"path": "model.pt2"},
        "scripted": {"path": "model.ts"},
        "weights": {"path": "weights.pt", "factory": factory},
        "tensors": {"path": "weights.safetensors", "factory": factory},
        "trained": {"path": "last.ckpt", "factory": factory},
    }


@pytest.fixture(scope="module")
def real_case(open_bandit: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    directory = tmp_path_factory.mktemp("real")
    table = pq.read_table(open_bandit)
    rows = table.to_pylist()
    tensors = oracle_tensors(rows)
    model = train(tensors, torch.tensor([float(row["click"]) for row in rows]))
    with torch.inference_mode():
        scores = torch.sigmoid(model(*tensors)).numpy()
    traffic = table.append_column("online_score", pa.array(scores))
    pq.write_table(traffic, directory / "traffic.parquet", row_group_size=10_000)
    (directory / "towers.py").write_text(Path(__file__).with_name("towers.py").read_text())
    config = {
        "version": 1,
        "traffic": {
            "path": "traffic.parquet",
            "key": ["request_id"],
            "time": "event_time",
            "score": "online_score",
            "label": "click",
            "segments": ["policy", "campaign"],
        },
        "model": {"inputs": INPUTS, "output": {"transform": "sigmoid"}},
        "checkpoints": save(model, tensors, directory),
        "diff": {"bucket": "6h"},
        "output": "out",
    }
    (directory / "replay.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return {"directory": directory, "rows": rows, "scores": scores}


@pytest.fixture(scope="module")
def result(spark: SparkSession, real_case: dict[str, Any]) -> replay.RunResult:
    return replay.run(real_case["directory"] / "replay.yaml")


@pytest.mark.parametrize("name", ["exported", "scripted", "weights", "tensors", "trained"])
def test_every_format_replays_the_online_scores(result: replay.RunResult, name: str):
    compared = result.summary.variants[name].vs_online
    assert compared is not None
    assert compared.compared == 60_000
    assert compared.mismatched == 0


def test_the_scores_table_holds_each_row_once(result: replay.RunResult, real_case: dict[str, Any]):
    scores = {row.request_id: row.exported for row in result.scores.select("request_id", "exported").collect()}
    assert len(scores) == 60_000
    logged = {row["request_id"]: score for row, score in zip(real_case["rows"], real_case["scores"], strict=True)}
    assert max(abs(scores[key] - logged[key]) for key in logged) <= 1e-6


def test_quality_is_what_scikit_learn_computes(result: replay.RunResult, real_case: dict[str, Any]):
    clicks = [row["click"] for row in real_case["rows"]]
    measured = result.summary.variants["exported"].metrics["auc"]
    assert measured.value == pytest.approx(roc_auc_score(clicks, real_case["scores"]), abs=1e-6)
    # 287 clicks: an honest interval is wide.
    assert measured.high is not None
    assert measured.low is not None
    assert measured.high - measured.low > 0.02


def test_the_files_agree_with_the_result(result: replay.RunResult):
    written = json.loads(Path(result.output, "summary.json").read_text())
    assert written["run_id"] == result.summary.run_id
    assert written["reconciliation"] == {"read": 60_000, "filtered": 0, "rejected": {}, "scored": 60_000}
    assert Path(result.report_path).read_text().lower().startswith("<!doctype html>")
