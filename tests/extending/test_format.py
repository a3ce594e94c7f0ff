"""A checkpoint format that docs/extending.md adds: inspected, and replayed from a config."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.extending.extended import Extended, Served, extend

EXAMPLE = "replay/checkpoints/formats/linear_json.py"
WEIGHT = np.array([0.5, -1.25, 2.0])
BIAS = 0.125
CONFIG = """
version: 1
traffic: {path: traffic, key: [request_id, item_id], time: event_time, score: online_score}
model:
  inputs: [{name: x, dtype: float32, features: ["f*"], missing: 0.0}]
  output: {transform: sigmoid}
checkpoints:
  prod: {path: linear.json}
  without_bias: {from: prod, zero: true, params: [bias]}
output: out
"""


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Extended:
    made = extend(tmp_path_factory.mktemp("format"), EXAMPLE)
    model = {"linear": {"weight": WEIGHT.tolist(), "bias": BIAS}}
    (made.folder / "linear.json").write_text(json.dumps(model))
    return made


def features(rows: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(rows, 3)).astype(np.float32)


def write_traffic(folder: Path, x: np.ndarray) -> None:
    count = len(x)
    columns = {
        "request_id": np.arange(count),
        "item_id": np.zeros(count, np.int64),
        "event_time": np.datetime64("2026-11-20T10:00:00", "us") + np.arange(count).astype("timedelta64[s]"),
        "online_score": 1 / (1 + np.exp(-(x.astype(np.float64) @ WEIGHT + BIAS))),
        **{f"f{place}": x[:, place] for place in range(3)},
    }
    folder.mkdir()
    pq.write_table(pa.table(columns), folder / "part.parquet")


def test_inspect_tells_what_it_is(extended: Extended) -> None:
    answer = extended.replay("inspect", "linear.json", "--json")
    assert answer.returncode == 0, answer.stderr
    shown = json.loads(answer.stdout)
    assert (shown["format"], shown["verdict"], shown["parameters"]) == ("linear_json", "safe", 4)
    assert shown["executes"] == ["a linear model: one product of matrices"]


OTHERS = {
    '{"linear": {"weight": [1.0], "bias": 0.5}': "CorruptCheckpoint",
    '{"linear": {"weight": [1.0], "bias": [0.5]}}': "CorruptCheckpoint",
    '{"linear": [], "code": "import os"}': "CorruptCheckpoint",
    '{"tree": {}}': "CheckpointError",
}


def test_what_is_not_quite_of_the_format_is_refused(extended: Extended) -> None:
    paths = [f"other-{place}.json" for place in range(len(OTHERS))]
    for path, text in zip(paths, OTHERS, strict=True):
        (extended.folder / path).write_text(text)
    code = "import sys, json; from replay.checkpoints import inspect_checkpoint as look\n"
    code += "print(json.dumps([look(path).to_dict() for path in sys.argv[1:]]))"
    answer = extended.python("-c", code, *paths)
    assert answer.returncode == 0, answer.stderr
    shown = json.loads(answer.stdout)
    assert {each["verdict"] for each in shown} == {"refused"}
    assert [each["error"] for each in shown] == list(OTHERS.values())
    assert "a linear model as JSON" in shown[-1]["reason"]


@pytest.mark.spark
def test_a_run_scores_as_numpy_does(extended: Extended, all_examples: Served) -> None:
    x = features(500)
    write_traffic(extended.folder / "traffic", x)
    (extended.folder / "replay.yaml").write_text(CONFIG)
    answer = all_examples.replay("run", str(extended.folder / "replay.yaml"), "--quiet")
    assert answer.returncode == 0, answer.stderr
    scores = pq.read_table(extended.folder / "out" / "scores").sort_by("request_id")
    logit = x.astype(np.float64) @ WEIGHT
    np.testing.assert_allclose(scores["prod"].to_numpy(), 1 / (1 + np.exp(-logit - BIAS)), rtol=1e-6)
    np.testing.assert_allclose(scores["without_bias"].to_numpy(), 1 / (1 + np.exp(-logit)), rtol=1e-6)
    summary = json.loads((extended.folder / "out" / "summary.json").read_text())
    assert summary["checkpoints"]["prod"]["format"] == "linear_json"
    assert summary["variants"]["prod"]["vs_online"]["mismatched"] == 0
    assert (extended.folder / "out" / "report.html").exists()
