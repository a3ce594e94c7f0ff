"""A perturbation that docs/extending.md adds: validated, described, and replayed from a config to the report."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from tests.extending.extended import ROOT, Extended, Served, extend

EXAMPLE = "replay/scenarios/ops/quantize.py"
SCENARIOS = re.search(
    r"^```yaml\n(scenarios:\n.*quantize.*?)^```$", (ROOT / "docs/extending.md").read_text(encoding="utf-8"), re.M | re.S
)
CONFIG = """
version: 1
traffic: {path: traffic, key: [id], score: online_score}
model:
  inputs: [{name: x, dtype: float32, features: ["f*"], missing: 0.25}]
  output: {transform: sigmoid}
checkpoints: {prod: {path: model.pt2}}
output: out
"""
WEIGHT = torch.tensor([[0.5, -1.25, 2.0]])
BIAS = torch.tensor([0.125])


class Model(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(3, 1)
        self.linear.load_state_dict({"weight": WEIGHT, "bias": BIAS})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x).squeeze(1)


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Extended:
    made = extend(tmp_path_factory.mktemp("op"), EXAMPLE)
    assert SCENARIOS is not None
    (made.folder / "replay.yaml").write_text(CONFIG + SCENARIOS[1])
    return made


def write_case(folder: Path) -> np.ndarray:
    """Traffic with some nulls, and a model; returns the logged values, NaN where they are null."""
    x = np.random.default_rng(0).normal(scale=3, size=(400, 3)).astype(np.float32)
    x[::7, 1] = np.nan
    columns = {f"f{place}": pa.array(x[:, place], from_pandas=True) for place in range(3)}
    online = scores(x)
    (folder / "traffic").mkdir()
    pq.write_table(
        pa.table({"id": np.arange(len(x)), "online_score": online, **columns}), folder / "traffic" / "part.parquet"
    )
    batch = torch.export.Dim("batch")
    program = torch.export.export(Model().eval(), (torch.zeros(2, 3),), dynamic_shapes=({0: batch},))
    torch.export.save(program, folder / "model.pt2")
    return x


def scores(x: np.ndarray) -> np.ndarray:
    """What the model answers, by numpy in float64; a null is read as 0.25."""
    filled = np.where(np.isnan(x), 0.25, x).astype(np.float64)
    return 1 / (1 + np.exp(-(filled @ WEIGHT[0].double().numpy() + float(BIAS[0]))))


WRONG = {
    "{op: quantize, features: f0, steps: 2}": "unknown key; did you mean `step`?",
    "{op: quantize, features: f0}": "`quantize` needs `step`",
    "{op: quantize, features: f0, step: [1, -1]}": "found -1, expected more than 0",
    "{op: quantize, features: f0, step: 1, factor: 2}": "is no argument of `quantize`: it takes `step`",
    "{op: quantise, features: f0, step: 1}": "`quantise` is no perturbation; did you mean `quantize`?",
}
VALIDATE = """
import contextlib, io, json, sys
from replay.cli.main import cli, execute

answers = []
for path in sys.argv[1:]:
    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.redirect_stderr(said):
        code = execute(cli, ["validate", path])
    answers.append([code, said.getvalue()])
print(json.dumps(answers))
"""


def test_validate_names_what_is_wrong(extended: Extended) -> None:
    paths = [f"wrong-{place}.yaml" for place in range(len(WRONG))]
    for path, step in zip(paths, WRONG, strict=True):
        (extended.folder / path).write_text(f"{CONFIG}scenarios:\n  coarse:\n    - {step}\n")

    answer = extended.python("-c", VALIDATE, *paths)

    assert answer.returncode == 0, answer.stderr
    line = len(CONFIG.splitlines()) + 3
    for (code, printed), problem in zip(json.loads(answer.stdout), WRONG.values(), strict=True):
        said = " ".join(printed.split())
        assert code == 2, printed
        assert problem in said
        assert f"line {line}" in said or f":{line}" in said


def test_the_schema_describes_its_argument(extended: Extended) -> None:
    answer = extended.python("-m", "replay.config.schema")
    assert answer.returncode == 0, answer.stderr
    written = json.loads((ROOT / "schemas" / "config.schema.json").read_text(encoding="utf-8"))
    described = json.loads(answer.stdout)

    step = described["$defs"]["Perturbation"]["properties"].pop("step")
    number = {"type": "number", "exclusiveMinimum": 0}
    assert step == {
        "anyOf": [number, {"type": "array", "items": number, "minItems": 1}, {"type": "null"}],
        "description": "quantize: what values are rounded to multiples of. A list gives a variant per value.",
    }
    op = described["$defs"]["Perturbation"]["properties"]["op"]
    op["description"] = op["description"].replace("clip, quantize;", "clip;")
    assert described == written


@pytest.mark.spark
def test_a_run_scores_as_numpy_does(extended: Extended, all_examples: Served) -> None:
    x = write_case(extended.folder)

    answer = all_examples.replay("run", str(extended.folder / "replay.yaml"), "--quiet")

    assert answer.returncode == 0, answer.stderr
    found = pq.read_table(extended.folder / "out" / "scores").sort_by("id")
    for name, size in (("prod/coarse@0.5", 0.5), ("prod/coarse@2", 2.0)):
        np.testing.assert_allclose(found[name].to_numpy(), scores(np.rint(x / size) * size), rtol=1e-6)
    summary = json.loads((extended.folder / "out" / "summary.json").read_text())
    assert summary["variants"]["prod"]["vs_online"]["mismatched"] == 0
    assert summary["variants"]["prod/coarse@2"]["scenario"] == "coarse@2"
    report = (extended.folder / "out" / "report.html").read_text(encoding="utf-8")
    assert "prod/coarse@0.5" in report
