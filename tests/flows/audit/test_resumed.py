"""An audit that is killed again and again, and started again: what it says in the end is what an unkilled one says."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from replay.flows.audit.run import audit
from replay.store.commits import last_wave
from tests.flows.audit.conftest import planted
from tests.flows.audit.loans import ENTITY, KEY, SEGMENT, TIME, Loans, load_loans, write_case
from tests.flows.content import bits, content, strays

pytestmark = [pytest.mark.spark, pytest.mark.real_data]

ROWS, FILES = 2_400, 6
PARTITIONS = {"spark.sql.files.maxPartitionBytes": "1m"}
"""A partition for each file: Spark takes every one to be of 4 MB at least."""
FEATURES = ["loan_int_rate", "loan_intent"]
COMPARING = "module.count_both"
"""Called when the joined tables are compared, to compare all columns."""
COSTING = "waves.append_files"
"""Called with every wave of scores."""
REPLAYING = "reference.replay_window"
"""Called when rows of the other table are written, to score them."""


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log that is joined, and older loans that are not."""
    directory = tmp_path_factory.mktemp("resumed")
    loans = load_loans()
    now, before = (loans.rows.iloc[places].reset_index(drop=True) for places in (slice(ROWS), slice(ROWS, 2 * ROWS)))
    case = Loans(now, loans.model)
    trained = before.assign(loan_int_rate=before.loan_int_rate * 1.5).drop(columns=[KEY, ENTITY, SEGMENT])
    trained.to_parquet(directory / "trained.parquet", index=False)
    sources = {"served": {"path": "served.parquet", "key": [KEY]}, "trained": {"path": "trained.parquet", "time": TIME}}
    audits = {
        "logging": {"against": "served", "leakage": True, "features": FEATURES},
        "parity": {"against": "trained", "features": FEATURES},
    }
    changes = {"sources": sources, "audits": audits, "features": {"core": FEATURES}}
    config = write_case(directory, case, planted(case), **changes)
    rows = pd.read_parquet(directory / "traffic.parquet")
    (directory / "traffic").mkdir()
    for number in range(FILES):
        part = rows.iloc[number * ROWS // FILES : (number + 1) * ROWS // FILES]
        part.to_parquet(directory / "traffic" / f"{number}.parquet", index=False)
    data = yaml.safe_load(config.read_text())
    data["traffic"]["path"] = "traffic"
    data["engine"] = {"commit_rows": ROWS // FILES}
    config.write_text(yaml.safe_dump(data))
    return config


@pytest.fixture(autouse=True)
def partitions(spark: SparkSession) -> Iterator[None]:
    for name, value in PARTITIONS.items():
        spark.conf.set(name, value)
    yield
    for name in PARTITIONS:
        spark.conf.unset(name)


def kill(config: Path, output: Path, where: str, call: int) -> None:
    """Audit in a process of its own, which is killed as it calls a function so many times."""
    program = f"""
import os, signal
from replay.flows.audit import run as module
from replay.flows.audit.reference import replay as reference
from replay.flows.options import Options
from replay.scoring.table import waves

function, calls = {where}, [0]

def dies(*given, **more):
    calls[0] += 1
    if calls[0] == {call}:
        os.kill(os.getpid(), signal.SIGKILL)
    return function(*given, **more)

{where} = dies
module.audit({str(config)!r}, output={str(output)!r}, options=Options("local[2]", {PARTITIONS!r}), quiet=True)
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]


def told(output: Path) -> dict[str, Any]:
    """All tables of an audit and its summary, but for when it ran and where it is."""
    found = content(output, KEY)
    for name in ("features", "feature_differences"):
        table = DeltaTable(str(output / name)).to_pyarrow_table()
        found[name] = bits(table.drop_columns([each for each in ("time", "command") if each in table.schema.names]))
    return found


def test_however_often_it_is_killed(spark: SparkSession, case: Path, tmp_path: Path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    audit(str(case), output=str(whole), quiet=True)
    run_id = json.loads((whole / "manifest.json").read_text())["run_id"]

    kill(case, killed, COSTING, 3)
    assert json.loads((killed / "manifest.json").read_text())["run_id"] == run_id
    assert last_wave(str(killed / "scores"), run_id) == 1
    kill(case, killed, COMPARING, 1)
    assert last_wave(str(killed / "scores"), run_id) == 1
    kill(case, killed, REPLAYING, 1)
    assert last_wave(str(killed / "scores"), run_id) > 1
    assert (killed / ".reference").exists()
    assert not (killed / "summary.json").exists()
    audit(str(case), output=str(killed), quiet=True)

    assert told(killed) == told(whole)
    found = json.loads((killed / "summary.json").read_text())["audits"]
    assert {each["feature"] for each in found["logging"]["features"]} == set(FEATURES)
    assert "loan_int_rate" in {each["feature"] for each in found["parity"]["features"]}
    assert not [each for each in strays(killed) if not each.startswith(("features", "feature_differences"))]
    assert not (killed / ".reference").exists()
