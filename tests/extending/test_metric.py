"""A metric that docs/extending.md adds: in the metrics table, the summary, slices, gates, report and terminal."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from scipy import stats
from sklearn.metrics import brier_score_loss

from tests.extending.extended import ROOT, Extended, Served, extend

EXAMPLE = "replay/metrics/kinds/brier.py"
ROWS = 4000
WEIGHT = np.array([0.5, -1.25, 2.0], np.float32)
CONFIG = """
version: 1
traffic:
  {path: traffic, key: [request_id, item_id], time: event_time, score: online_score, label: label, segments: [surface]}
model:
  inputs: [{name: x, dtype: float32, features: ["f*"], missing: 0.0}]
  output: {transform: sigmoid}
checkpoints: {prod: {path: model.pt2}}
scenarios: {no_f2: [{op: nulls, features: [f2]}]}
gates:
  - {variant: prod, metric: brier, slice: "surface=home", max: 0.25}
  - {variant: prod/no_f2, against: baseline, metric: brier_increase, max: 0.5, bound: high}
  - {variant: prod/no_f2, metric: brier, max: 0.01}
output: out
"""


class _Linear(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(WEIGHT))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weight


def _write_model(path: Path) -> None:
    rows = {"x": {0: torch.export.Dim("rows")}}
    torch.export.save(torch.export.export(_Linear().eval(), (torch.zeros(2, 3),), dynamic_shapes=rows), path)


def _traffic() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, 3)).astype(np.float32)
    right = 1 / (1 + np.exp(-(x @ WEIGHT).astype(np.float64)))
    return {
        "request_id": np.arange(ROWS),
        "item_id": np.zeros(ROWS, np.int64),
        "event_time": np.datetime64("2026-11-20T10:00:00", "us") + np.arange(ROWS).astype("timedelta64[s]"),
        "online_score": right,
        "label": (rng.random(ROWS) < right).astype(np.float64),
        "surface": rng.choice(["home", "search"], ROWS),
        **{f"f{place}": x[:, place] for place in range(3)},
    }


def _scores(traffic: dict[str, np.ndarray], *features: int) -> np.ndarray:
    x = np.stack([traffic[f"f{place}"] for place in features], axis=1)
    return 1 / (1 + np.exp(-(x.astype(np.float64) @ WEIGHT[list(features)])))


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Extended:
    return extend(tmp_path_factory.mktemp("metric"), EXAMPLE)


@pytest.fixture(scope="module")
def answer(extended: Extended, all_examples: Served) -> subprocess.CompletedProcess[str]:
    made = extended
    (made.folder / "traffic").mkdir()
    pq.write_table(pa.table(_traffic()), made.folder / "traffic" / "part.parquet")
    _write_model(made.folder / "model.pt2")
    (made.folder / "replay.yaml").write_text(CONFIG)
    return all_examples.replay("run", str(made.folder / "replay.yaml"))


def _rows(folder: Path) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The metrics of the whole window by variant, slice and metric."""
    rows = pq.read_table(folder / "out" / "metrics").to_pylist()
    return {(row["variant"], row["slice"], row["metric"]): row for row in rows if row["bucket"] is None}


@pytest.mark.spark
def test_it_is_measured_everywhere(extended: Extended, answer: subprocess.CompletedProcess[str]) -> None:
    assert answer.returncode == 1, answer.stderr  # one gate fails, as it should
    traffic = _traffic()
    label, home = traffic["label"], traffic["surface"] == "home"
    prod, without = _scores(traffic, 0, 1, 2), _scores(traffic, 0, 1)
    rows = _rows(extended.folder)

    for key, expected in {
        ("prod", "all", "brier"): brier_score_loss(label, prod),
        ("online", "all", "brier"): brier_score_loss(label, traffic["online_score"]),
        ("prod/no_f2", "all", "brier"): brier_score_loss(label, without),
        ("prod", "surface=home", "brier"): brier_score_loss(label[home], prod[home]),
        ("prod/no_f2", "all", "brier_increase"): brier_score_loss(label, without) - brier_score_loss(label, prod),
    }.items():
        assert rows[key]["value"] == pytest.approx(expected, abs=1e-6)
        assert rows[key]["low"] < rows[key]["value"] < rows[key]["high"]
    assert rows["prod/no_f2", "surface=home", "brier_increase"]["value"] == pytest.approx(
        brier_score_loss(label[home], without[home]) - brier_score_loss(label[home], prod[home]), abs=1e-6
    )
    # The interval of a mean: standard errors times t of the rarer class.
    error = np.std((prod - label) ** 2, ddof=1) / np.sqrt(ROWS)
    found = rows["prod", "all", "brier"]
    quantile = stats.t.ppf(0.975, min(np.sum(label), ROWS - np.sum(label)) - 1)
    assert (found["high"] - found["low"]) / 2 == pytest.approx(quantile * error, rel=1e-3)


@pytest.mark.spark
def test_it_is_in_the_summary_the_report_and_the_terminal(
    extended: Extended, answer: subprocess.CompletedProcess[str]
) -> None:
    rows = _rows(extended.folder)
    summary = json.loads((extended.folder / "out" / "summary.json").read_text())
    variant = summary["variants"]["prod/no_f2"]
    assert variant["metrics"]["brier"]["value"] == rows["prod/no_f2", "all", "brier"]["value"]
    assert list(variant["metrics"]) == ["auc", "ne", "logloss", "calibration", "log_mae", "brier"]
    change = rows["prod/no_f2", "all", "brier_increase"]
    assert [variant["vs_baseline"][f"brier_increase{end}"] for end in ("", "_low", "_high")] == [
        change["value"],
        change["low"],
        change["high"],
    ]
    assert [(gate["metric"], gate["verdict"]) for gate in summary["gates"]] == [
        ("brier", "passed"),
        ("brier_increase", "passed"),
        ("brier", "failed"),
    ]
    page = (extended.folder / "out" / "report.html").read_text()
    assert re.search(r"<th[^>]*>\s*Brier score\s*</th>", page)
    assert re.search(r"<th[^>]*>\s*Brier increase\s*</th>", page)
    shown = answer.stdout + answer.stderr
    assert "prod/no_f2: brier" in shown
    assert "brier_increase" in shown


def test_other_metrics_keep_their_bits(extended: Extended) -> None:
    """Intervals and changes included, though the matrix of moments has a term more."""
    code = """
import numpy as np
from replay.metrics.metric import METRICS
rng = np.random.default_rng(0)
score = rng.beta(1, 5, 5000)
label, weight, group = (rng.random(5000) < score).astype(float), rng.exponential(size=5000), np.arange(5000) // 5
for name in ("auc", "ne", "logloss", "calibration", "log_mae"):
    for rows in ((label, weight), (label, weight, group)):
        print(METRICS[name].measure(score, *rows))
        if METRICS[name].change is not None:
            print(METRICS[name].measure_change(np.sqrt(score), score, *rows))
"""
    with_brier = extended.python("-c", code)
    assert with_brier.returncode == 0, with_brier.stderr
    assert with_brier.stdout == Extended(ROOT).python("-c", code).stdout
    assert with_brier.stdout.count("MetricValue") == 16
