"""The examples of docs/scenarios.md are read, and can be run."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml

from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.model.hash import Hash
from replay.config.sections.model.input import Input
from replay.config.sections.op_arguments import OPS
from replay.config.sections.scenarios import Perturbation
from replay.scenarios import Donors, ScenarioPlan, row_keys
from replay.scenarios.outside import MatchTarget, joined_name, matched_name, stale_name, where_name
from tests.scenarios.making import AScenario, rows

TEXT = (Path(__file__).parents[2] / "docs" / "scenarios.md").read_text(encoding="utf-8")
EXAMPLES = {
    name: steps
    for block in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    for name, steps in yaml.safe_load(block).items()
}
COLUMNS = {
    "I1": pa.array([1.0, 2.0, None, 4.0]),
    "I2": pa.array([1, 2, None, 4]),
    "I3": pa.array([5.0, 6.0, 7.0, 8.0]),
    "C1": pa.array(["a", "b", "c", None]),
    "country": pa.array(["us", "de", None, "us"]),
    "user_vec": pa.array([[1.0, 2.0]] * 4, pa.list_(pa.float32(), 2)),
}
MODEL = ModelConfig(
    inputs=(
        Input(name="dense", features=("I*",), missing=0.0),
        Input(name="ids", dtype="int64", features=("C1", "country"), hash=Hash(buckets=10), missing=0),
        Input(name="user", feature="user_vec"),
    ),
    families={"counts_7d": ("I1", "I3")},
)


class Exchange:
    """In place of a least change: rows exchange their values."""

    def apply(self, values, randoms, slices):
        return values.take(pa.array([1, 0, 3, 2]))


def test_every_perturbation_has_an_example():
    assert {step["op"] for steps in EXAMPLES.values() for step in steps} >= set(OPS)
    assert re.findall(r"^### (\w+)$", TEXT, re.MULTILINE) == list(OPS)


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_run(name, tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "my_ops.py").write_text(code, encoding="utf-8")
    steps = tuple(Perturbation(**{**step, "rate": 1}) for step in EXAMPLES[name])
    keys = row_keys([pa.array(range(4))])
    order = np.argsort(keys)
    donors = Donors(keys[order], {feature: array.take(pa.array(order)) for feature, array in COLUMNS.items()})
    types = {feature: array.type for feature, array in COLUMNS.items()}
    source, by = steps[0].arguments.other_table or "", steps[0].arguments.slices
    changes = {MatchTarget(source, by, feature): Exchange() for feature in COLUMNS}
    plan = ScenarioPlan(AScenario(name, name, steps), MODEL, types, 0, donors, str(tmp_path), changes)
    lag = steps[0].arguments.older_by
    side = {stale_name(feature, lag): COLUMNS[feature] for feature in COLUMNS if lag}
    side |= {joined_name(feature, "served"): array.take(pa.array([1, 0, 3, 2])) for feature, array in COLUMNS.items()}
    side[matched_name("served")] = pa.array([True] * 4)
    side[where_name("surface = 'home'")] = pa.array([True] * 4)
    start = np.datetime64("2026-11-20T10:00", "us").astype(np.int64)

    batch = rows(COLUMNS, time_us=np.full(4, start), side=side.__getitem__, slices=lambda by: np.zeros(4, np.uint64))

    touched = plan.touch(batch)

    assert touched.rows.tolist() == [0, 1, 2, 3]
    assert {feature: array.type for feature, array in touched.columns.items()}.items() <= types.items()
    assert touched.columns
