"""Without the fast start all is the same but for the time that it takes."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

import replay
from replay.spark.faststart import daemon, is_on
from replay.spark.faststart.garbage import freeze_garbage, no_collection
from replay.spark.faststart.jvm_options import java_options
from replay.spark.faststart.prestart import prestart_session
from replay.spark.session import is_running
from tests.flows.case import make_table, write_case


@pytest.fixture
def off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLAY_FAST_START", "0")


def test_it_is_on_unless_it_is_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REPLAY_FAST_START", raising=False)
    assert is_on()
    monkeypatch.setenv("REPLAY_FAST_START", "0")
    assert not is_on()


@pytest.mark.usefixtures("off")
def test_off_leaves_python_and_the_jvm_as_they_are(tmp_path: Path) -> None:
    frozen = gc.get_freeze_count()
    with no_collection():
        assert gc.isenabled()
    freeze_garbage()
    assert gc.get_freeze_count() == frozen
    assert java_options(tmp_path / "archives", [], short=True) == ""
    assert not (tmp_path / "archives").exists()
    assert daemon.daemon_settings() == {}
    running = is_running()
    prestart_session("local[1]", {}, None)
    assert is_running() == running


def scores(output: Path) -> pa.Table:
    return pa.concat_tables(pq.read_table(file) for file in (output / "scores").glob("*.parquet")).sort_by("request_id")


@pytest.mark.spark
def test_off_gives_the_same_scores(spark: SparkSession, tmp_path: Path) -> None:
    """A session of its own, started and ended without; the suite's own session is started with."""
    assert spark.conf.get("spark.python.daemon.module", None) == "replay.spark.faststart.daemon"
    config = write_case(tmp_path, make_table(rows=300))
    command = [sys.executable, "-c", "from replay.cli import main; main()", "run", str(config), "--quiet"]
    environment = {**os.environ, "REPLAY_FAST_START": "0"}
    quick = "spark.driver.extraJavaOptions=-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
    done = subprocess.run(
        [*command, "--output", str(tmp_path / "off"), "--master", "local[1]", "--conf", quick],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr[-2000:]
    replay.run(config, output=str(tmp_path / "on"))
    assert scores(tmp_path / "off").equals(scores(tmp_path / "on"))
