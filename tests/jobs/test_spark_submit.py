"""The same work through the real spark-submit, on a real standalone cluster on loopback."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.find_spark_home import _find_spark_home

from replay.spark.installed.jars import delta_jars
from replay.spark.java import java_problem
from tests.flows.case import make_table, write_case
from tests.wheels import build_wheel

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).resolve().parents[2]
ROWS = 400
# JVMs of seconds: one compiler, and as few threads as that takes. Nothing that is tested depends on it.
QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto"


def submit(*arguments: str, directory: Path) -> subprocess.CompletedProcess[str]:
    command = [
        str(Path(_find_spark_home()) / "bin" / "spark-submit"),
        *("--jars", ",".join(str(jar) for jar in delta_jars())),
        *("--conf", "spark.ui.enabled=false", "--driver-memory", "1g", "--driver-java-options", QUICK),
        *("--conf", f"spark.executor.extraJavaOptions={QUICK}", "--conf", "spark.sql.shuffle.partitions=2"),
        *("--conf", "spark.databricks.delta.snapshotPartitions=2"),
        *arguments,
    ]
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
    return subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=280, check=False
    )


@pytest.fixture(scope="module", autouse=True)
def _java() -> None:
    problem = java_problem()
    if problem is not None:
        pytest.fail(problem)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


def test_replay_window_runs_from_a_wheel(wheel: Path, tmp_path: Path):
    config = write_case(tmp_path, make_table(rows=ROWS))
    done = submit(
        *("--master", "local[2]", "--py-files", str(wheel), str(ROOT / "jobs" / "replay_window.py")),
        *("--config", str(config), "--json", "--quiet"),
        directory=tmp_path,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    summary = json.loads(done.stdout)
    assert summary["reconciliation"]["scored"] == ROWS
    assert json.loads((tmp_path / "out" / "summary.json").read_text()) == summary


def test_it_runs_on_a_standalone_cluster(wheel: Path, tmp_path: Path):
    config = write_case(tmp_path, make_table(rows=ROWS))
    with standalone_cluster() as master:
        done = submit(
            *("--master", master, "--conf", "spark.executor.memory=1g", "--conf", "spark.driver.host=127.0.0.1"),
            *("--py-files", str(wheel), str(ROOT / "jobs" / "replay_window.py")),
            *("--config", str(config), "--json", "--quiet"),
            directory=tmp_path,
        )
    assert done.returncode == 0, done.stdout[-3000:]
    assert json.loads(done.stdout)["reconciliation"]["scored"] == ROWS


@contextlib.contextmanager
def standalone_cluster() -> Iterator[str]:
    """A master and a worker in processes of their own, on loopback; yields the master's URL."""
    launcher = str(Path(_find_spark_home()) / "bin" / "spark-class")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"spark://127.0.0.1:{port}"
    environment = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_DAEMON_JAVA_OPTS": QUICK}
    commands = (
        ["org.apache.spark.deploy.master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", "0"],
        ["org.apache.spark.deploy.worker.Worker", "--host", "127.0.0.1", "--cores", "2", "--memory", "2g", url],
    )
    with contextlib.ExitStack() as stack:
        for command in commands:
            process = subprocess.Popen(
                [launcher, *command], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            stack.callback(process.wait)
            stack.callback(process.terminate)
        yield url


def test_a_wrong_config_exits_with_2_and_no_traceback(wheel: Path, tmp_path: Path):
    config = write_case(tmp_path, diff__tolerance="often")
    done = submit(
        *("--master", "local[1]", "--py-files", str(wheel), str(ROOT / "jobs" / "replay_window.py")),
        *("--config", str(config)),
        directory=tmp_path,
    )
    assert done.returncode == 2, done.stdout[-3000:]
    # spark-submit prints what a Python program writes to stderr on its own stdout.
    assert "replay.yaml:" in done.stdout
    assert "Traceback" not in done.stdout
