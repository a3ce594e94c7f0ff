"""Four configs that look right and throw rows away: each is refused, and what is printed mends it when it is pasted."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
import yaml
from click.testing import CliRunner, Result
from pyspark.sql import SparkSession

from replay.cli.main import cli
from tests.flows.case import make_table, write_case

pytestmark = pytest.mark.spark

ROWS = 400


MODEL = """
import torch

class Casting(torch.nn.Module):
    # Takes numbers of any type, as serving code often does.
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, dense, other):
        return dense.float().sum(1) * self.weight + other.float().reshape(len(other), -1).sum(1)
"""


def logged() -> pa.Table:
    rng = np.random.default_rng(0)
    lists = [list(range(1 + place % 5)) for place in range(ROWS)]
    table = make_table(ROWS).append_column("clicked", pa.array(lists, pa.list_(pa.int64())))
    return table.append_column("country", pa.array(rng.choice(["us", "fr", "xx", "yy"], ROWS)))


CASES: dict[str, tuple[list[dict[str, Any]], str, str, dict[str, Any]]] = {
    "fractions in int64": (
        [
            {"name": "dense", "dtype": "int64", "features": ["x0"]},
            {"name": "other", "dtype": "int64", "feature": "item"},
        ],
        "x0",
        r"-?\d\.\d+",
        {"dtype": "float32"},
    ),
    "longer lists": (
        [{"name": "dense", "features": ["x0"]}, {"name": "other", "dtype": "int64", "feature": "clicked", "length": 3}],
        "clicked",
        r"\[0.*\] \(\d elements?\)",
        {"length": 3, "pad": 0},
    ),
    "nulls": (
        [{"name": "dense", "features": ["x0", "x1"]}, {"name": "other", "dtype": "int64", "feature": "item"}],
        "x1",
        r"request_id=r\d+",
        {"missing": {"x1": 0.0}},
    ),
    "unseen values": (
        [
            {"name": "dense", "features": ["x0"]},
            {"name": "other", "dtype": "int64", "feature": "country", "vocabulary": "countries.json"},
        ],
        "country",
        "'xx'",
        {"unknown": 0},
    ),
}  # fmt: skip


def validate(config: Path) -> Result:
    return CliRunner().invoke(cli, ["validate", str(config)], standalone_mode=False)


@pytest.mark.parametrize("case", list(CASES))
def test_it_is_refused_and_what_is_printed_mends_it(spark: SparkSession, tmp_path: Path, case: str):
    inputs, feature, example, keys = CASES[case]
    checkpoint = {"path": "prod.pt", "factory": "casting.py:Casting"}
    config = write_case(tmp_path, logged(), model={"inputs": inputs}, checkpoints={"prod": checkpoint})
    (tmp_path / "casting.py").write_text(MODEL)
    torch.save({"weight": torch.ones(1)}, tmp_path / "prod.pt")
    (tmp_path / "countries.json").write_text(json.dumps({"us": 1, "fr": 2}))

    refused = validate(config)
    assert refused.return_value == 3
    assert "is refused" in refused.output
    assert re.search(rf"  {feature} \(input \w+\): \d+ rows, ", refused.output)
    assert re.search(example, re.sub(r"\s+", " ", refused.output))

    printed = refused.output.split("rows are accepted:\n")[1].split("\n\n")[0]
    (pasted,) = yaml.safe_load(printed)["model"]["inputs"]
    assert {key: value for key, value in pasted.items() if key != "name"} == keys
    data = yaml.safe_load(config.read_text())
    for entry in data["model"]["inputs"]:
        if entry["name"] == pasted["name"]:
            entry.update(pasted)
    config.write_text(yaml.safe_dump(data, sort_keys=False))
    passed = validate(config)
    assert passed.return_value == 0, passed.output
    assert "is valid" in passed.output
