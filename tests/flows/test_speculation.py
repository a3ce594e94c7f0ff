"""A task that Spark starts a second time while the first attempt still works: its rows are there once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from pyspark.sql import SparkSession
from safetensors.torch import save_file

import replay
from tests.flows.case import make_table, write_case
from tests.flows.content import content, strays
from tests.standalone import QUICK, standalone_cluster

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]
ROWS = 4_000
_FACTORY = """
import os, time
from pathlib import Path
import torch
from pyspark import TaskContext

HERE = Path(__file__).parent

class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(3))

    def forward(self, dense, item):
        task = TaskContext.get()
        if "SLOW" in os.environ and task is not None and bool((dense[:, 0] > 90).any()):
            (HERE / f"attempt-{task.attemptNumber()}").touch()
            patience = time.monotonic() + 60
            while task.attemptNumber() == 0 and time.monotonic() < patience:
                time.sleep(0.1)  # until it is killed, as the other attempt was faster
        return dense @ self.weight

def build():
    return Model()
"""
SPECULATION = {
    "spark.speculation": "true",
    "spark.speculation.interval": "100ms",
    "spark.speculation.task.duration.threshold": "3s",
    "spark.executor.memory": "1g",
    "spark.executor.cores": "1",
    "spark.executorEnv.SLOW": "1",
    "spark.executorEnv.PYTHONPATH": str(ROOT),
    "spark.driver.host": "127.0.0.1",
    "spark.driver.extraJavaOptions": QUICK,
    "spark.executor.extraJavaOptions": QUICK,
}


def run(config: Path, output: Path, master: str) -> None:
    settings = [part for name, value in SPECULATION.items() for part in ("--conf", f"{name}={value}")]
    program = [sys.executable, "-c", "from replay.cli import main; main()", "run", str(config), "--quiet"]
    done = subprocess.run(
        [*program, "--output", str(output), "--master", master, *settings],
        capture_output=True,
        text=True,
        check=False,
        timeout=270,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_a_second_attempt_that_is_faster_leaves_the_bits_of_one(spark: SparkSession, tmp_path: Path):
    table = make_table(rows=ROWS)
    values = table["x0"].to_numpy().copy()
    values[ROWS - 1] = 99
    table = table.set_column(table.schema.get_field_index("x0"), "x0", pa.array(values))
    checkpoint = {"path": "prod.safetensors", "factory": "slow.py:build"}
    config = write_case(tmp_path, table, checkpoints__prod=checkpoint)
    save_file({"weight": torch.tensor([0.5, -1.25, 2.0])}, tmp_path / "prod.safetensors")
    (tmp_path / "slow.py").write_text(_FACTORY)
    replay.run(config, output=str(tmp_path / "local"), quiet=True)
    with standalone_cluster(2, cores=1, own_addresses=True) as cluster:
        run(config, tmp_path / "speculated", cluster.url)
    assert {file.name for file in tmp_path.glob("attempt-*")} == {"attempt-0", "attempt-1"}
    assert content(tmp_path / "speculated")["scores"] == content(tmp_path / "local")["scores"]
    assert strays(tmp_path / "speculated") == []
