"""Real logged impressions, a model trained on them, every format: the replay agrees with plain torch on every row."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from pyspark.sql import SparkSession
from safetensors.torch import save_file
from sklearn.metrics import roc_auc_score

import replay
from tests.flows.real import INPUTS, RealCase, Tensors, export
from tests.flows.towers import TwoTower

pytestmark = [pytest.mark.spark, pytest.mark.real_data]


def save(model: TwoTower, tensors: Tensors, directory: Path) -> dict[str, dict[str, str]]:
    """Every format of the issue, as people write them; the config's `checkpoints`."""
    example = tuple(one[:8] for one in tensors)
    export(model, tensors, directory / "model.pt2")
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
def real_case(real: RealCase, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    directory = tmp_path_factory.mktemp("real")
    real.write_traffic(directory / "traffic.parquet")
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
        "checkpoints": save(real.v1, real.tensors, directory),
        "diff": {"bucket": "6h"},
        "output": "out",
    }
    (directory / "replay.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return {"directory": directory, "rows": real.rows, "scores": real.online.numpy()}


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
    assert written["reconciliation"] == {
        "read": 60_000,
        "filtered": 0,
        "rejected": {},
        "scored": 60_000,
        "rejected_by_feature": {},
    }
    assert Path(result.report_path).read_text().lower().startswith("<!doctype html>")
