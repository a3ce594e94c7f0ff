"""A kind of cause of one's own, as docs/extending.md adds it: found, named, printed and verified."""

from __future__ import annotations

import datetime as dt
import json
import shlex

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from tests.extending.extended import Served, extend

EXAMPLE = "replay/diagnosis/causes/kinds/clipped.py"
START = dt.datetime(2026, 11, 20, 18, 0, tzinfo=dt.UTC)
ROWS = 9_000
BOUND = 1.7
CONFIG = """
version: 1
traffic: {path: traffic, key: [id], time: at, score: online}
model:
  inputs:
    - {name: dense, dtype: float32, features: [a, b, c], missing: 0.0}
checkpoints:
  prod: {path: model.pt2}
output: out
"""


class Model(torch.nn.Module):
    """A layer of three units over three features."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor([[0.5, -0.3, 0.2], [0.4, 0.6, -0.5], [-0.2, 0.1, 0.7]]))

    def forward(self, dense: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(torch.tanh(dense @ self.weight).sum(1) - 1.0)


def make_case(folder):
    """An hour of traffic; in its middle third online never saw a b above 1.7."""
    rng = np.random.default_rng(0)
    dense = np.stack([rng.normal(size=ROWS), rng.gamma(2.0, size=ROWS), rng.normal(size=ROWS)], 1).astype(np.float32)
    inside = np.arange(ROWS) // (ROWS // 3) == 1
    served = dense.copy()
    served[inside, 1] = np.minimum(served[inside, 1], np.float32(BOUND))
    model = Model().eval()
    with torch.no_grad():
        online = model(torch.from_numpy(served)).numpy()
    times = [START + dt.timedelta(seconds=0.4 * row) for row in range(ROWS)]
    (folder / "traffic").mkdir()
    columns = {"id": np.arange(ROWS), "at": pa.array(times, pa.timestamp("us", "UTC")), "online": online}
    columns |= {name: dense[:, index] for index, name in enumerate("abc")}
    pq.write_table(pa.table(columns), folder / "traffic" / "part.parquet")
    batch = torch.export.Dim("batch", min=1, max=1 << 20)
    program = torch.export.export(model, (torch.from_numpy(dense[:4]),), dynamic_shapes=({0: batch},))
    torch.export.save(program, folder / "model.pt2")
    (folder / "replay.yaml").write_text(CONFIG, encoding="utf-8")


def test_it_needs_no_other_file(tmp_path):
    names = "from replay.diagnosis.causes.kind import KINDS; print('clipped' in [*KINDS])"
    done = extend(tmp_path, EXAMPLE).python("-c", names)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


@pytest.mark.spark
def test_a_kind_of_cause_is_one_file(all_examples: Served, tmp_path):
    make_case(tmp_path)
    done = all_examples.replay("diagnose", str(tmp_path / "replay.yaml"))
    assert done.returncode == 0, done.stderr
    (incident,) = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))["incidents"]
    cause = incident["causes"][0]

    assert (cause["kind"], cause["features"]) == ("clipped", ["b"])
    assert cause["parameters"]["max"] == pytest.approx(BOUND, rel=1e-4)
    assert cause["explained_rate"] == 1.0
    assert "as if b had been cut off at 1.7" in " ".join(done.stdout.split())
    assert "b clipped at 1.7" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")

    program, *arguments = shlex.split(cause["command"])
    assert program == "replay"
    verified = all_examples.replay(*arguments, "--quiet")
    assert verified.returncode == 0, verified.stderr
    variants = json.loads((tmp_path / "out" / "verify-1" / "summary.json").read_text(encoding="utf-8"))["variants"]
    assert variants["prod"]["vs_online"]["mismatch_rate"] > 0.1
    assert variants["prod/incident_1_cause_1"]["vs_online"]["mismatch_rate"] < 0.001
