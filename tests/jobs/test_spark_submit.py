"""The same work through the real spark-submit, on a real standalone cluster on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pyspark.find_spark_home import _find_spark_home

from replay.session import delta_jars, java_problem
from tests.flows.case import ROWS, write_case

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).resolve().parents[2]


def submit(*arguments: str, directory: Path) -> subprocess.CompletedProcess[str]:
    command = [
        str(Path(_find_spark_home()) / "bin" / "spark-submit"),
        *("--jars", ",".join(str(jar) for jar in delta_jars())),
        *("--conf", "spark.ui.enabled=false", "--driver-memory", "1g"),
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
    target = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target), str(ROOT)],
        check=True,
        capture_output=True,
    )
    return next(target.glob("*.whl"))


def test_replay_window_runs_from_a_wheel(wheel: Path, tmp_path: Path):
    config = write_case(tmp_path)
    done = submit(
        *("--master", "local[2]", "--py-files", str(wheel), str(ROOT / "jobs" / "replay_window.py")),
        *("--config", str(config), "--json"),
        directory=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    summary = json.loads(done.stdout)
    assert summary["reconciliation"]["scored"] == ROWS
    assert json.loads((tmp_path / "out" / "summary.json").read_text()) == summary


def test_a_wrong_config_exits_with_2_and_no_traceback(wheel: Path, tmp_path: Path):
    config = write_case(tmp_path, diff__tolerance="often")
    done = submit(
        *("--master", "local[1]", "--py-files", str(wheel), str(ROOT / "jobs" / "replay_window.py")),
        *("--config", str(config)),
        directory=tmp_path,
    )
    assert done.returncode == 2, done.stderr[-3000:]
    assert "replay.yaml:" in done.stderr
    assert "Traceback" not in done.stderr
