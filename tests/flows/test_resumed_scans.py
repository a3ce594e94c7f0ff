"""Where only Spark reads the traffic, a killed run goes on too: by the keys that are committed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal
from pyspark.sql import SparkSession

import replay
from replay.errors import RunFailed
from replay.flows.finished.result import RunResult
from replay.scoring.table import waves
from replay.store.commits import last_wave
from tests.flows.case import make_table, write_case
from tests.flows.test_resumed_bits import bits, metrics, scores, table

pytestmark = pytest.mark.spark

FILES = 6
COMMIT = "engine.commit_rows=600"


PARTITIONS = {"spark.sql.files.maxPartitionBytes": "1m"}
"""A partition for each file: Spark takes every one to be of 4 MB at least."""


@pytest.fixture(autouse=True)
def partitions(spark: SparkSession) -> Iterator[None]:
    for name, value in PARTITIONS.items():
        spark.conf.set(name, value)
    yield
    for name in PARTITIONS:
        spark.conf.unset(name)


def run(config: Path, output: Path) -> RunResult:
    return replay.run(config, overrides=[COMMIT], output=str(output), quiet=True)


def committed(output: Path) -> int:
    """Waves."""
    manifest = json.loads((output / "manifest.json").read_text())
    return last_wave(str(output / "scores"), manifest["run_id"]) + 1


def kill_by_signal(config: Path, output: Path, wave: int) -> None:
    """Run in a process of its own, which is killed as it is about to commit a wave."""
    program = f"""
import os, signal, replay
from replay.flows.options import Options
from replay.scoring.table import waves

append = waves.append_files

def commit(path, schema, files, run_id, number, indexed, **said):
    if number == {wave}:
        os.kill(os.getpid(), signal.SIGKILL)
    append(path, schema, files, run_id, number, indexed, **said)

waves.append_files = commit
options = Options(master="local[2]", conf={PARTITIONS!r})
replay.run({str(config)!r}, overrides=[{COMMIT!r}], output={str(output)!r}, options=options, quiet=True)
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]


@pytest.fixture
def kill(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, Path, int], None]:
    """Stops a run in this process, which has the view, as it is about to commit a wave."""

    def kill(config: Path, output: Path, wave: int) -> None:
        append = waves.append_files

        def dies(path: str, schema: pa.Schema, files: Any, run_id: str, number: int, *rest: int, **said: bool) -> None:
            if number == wave:
                raise RunFailed("killed")
            append(path, schema, files, run_id, number, *rest, **said)

        with monkeypatch.context() as patched:
            patched.setattr(waves, "append_files", dies)
            with pytest.raises(RunFailed, match="killed"):
                run(config, output)

    return kill


def same_again(resumed: RunResult, whole: RunResult) -> None:
    """To the bit, where the partitions are the same ones."""
    assert resumed.summary.run_id == whole.summary.run_id
    assert scores(resumed) == scores(whole)
    assert metrics(resumed) == metrics(whole)
    assert bits(table(resumed, "diffs").drop_columns("command")) == bits(table(whole, "diffs").drop_columns("command"))


def test_a_table_with_deletion_vectors_after_sigkill(spark: SparkSession, tmp_path: Path):
    every = make_table()
    (tmp_path / "rows").mkdir()
    for number in range(FILES):
        pq.write_table(every.slice(number * 700, 700), tmp_path / "rows" / f"{number}.parquet")
    place = str(tmp_path / "delta")
    options = {"delta.enableDeletionVectors": "true"}
    spark.read.parquet(str(tmp_path / "rows")).write.format("delta").options(**options).save(place)
    spark.sql(f"DELETE FROM delta.`{place}` WHERE item = 3")
    config = write_case(tmp_path, every.slice(0, 1), traffic__path=place)

    kill_by_signal(config, tmp_path / "killed", wave=2)
    assert committed(tmp_path / "killed") == 2
    whole, resumed = run(config, tmp_path / "whole"), run(config, tmp_path / "killed")
    assert table(resumed, "scores").num_rows == sum(item != 3 for item in every["item"].to_pylist())
    same_again(resumed, whole)


def test_a_view_whose_rows_come_in_other_partitions(
    spark: SparkSession, tmp_path: Path, kill: Callable[[Path, Path, int], None]
):
    config = write_case(tmp_path, files=FILES)
    config.write_text(config.read_text().replace("path: traffic", "table: resumed_view"))
    frame = spark.read.parquet(str(tmp_path / "traffic"))
    try:
        frame.repartition(5, "request_id").createOrReplaceTempView("resumed_view")
        whole = run(config, tmp_path / "whole")
        kill(config, tmp_path / "killed", 1)
        assert committed(tmp_path / "killed") == 1
        frame.repartition(7, "item", "request_id").createOrReplaceTempView("resumed_view")
        resumed = run(config, tmp_path / "killed")
    finally:
        spark.catalog.dropTempView("resumed_view")
    assert resumed.summary.run_id == whole.summary.run_id
    assert scores(resumed) == scores(whole)
    mine, theirs = (table(result, "metrics").to_pandas() for result in (resumed, whole))
    assert_frame_equal(mine, theirs, rtol=1e-12)
