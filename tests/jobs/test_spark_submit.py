"""The same work through the real spark-submit, on a real standalone cluster on loopback."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
import venv
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from deltalake import DeltaTable
from pyspark.find_spark_home import _find_spark_home

from replay.files.reading import entry_names, read_bytes
from replay.spark.installed.jars import delta_jars
from replay.spark.java import java_problem
from tests.flows.case import write_case, write_model
from tests.flows.factories import write_looked_up_case
from tests.flows.test_resumed_bits import bits
from tests.object_store import SECRET, S3Server, upload
from tests.standalone import QUICK, Apart, Standalone, cannot_hide, standalone_cluster
from tests.wheels import build_wheel

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).resolve().parents[2]
ROWS = 400
JOB = str(ROOT / "jobs" / "replay_window.py")


def submit(
    *arguments: str, directory: Path, python: str = sys.executable, **environment: str
) -> subprocess.CompletedProcess[str]:
    with submitted(*arguments, directory=directory, python=python, **environment) as process:
        output, errors = process.communicate(timeout=280)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def submitted(
    *arguments: str, directory: Path, python: str = sys.executable, **environment: str
) -> subprocess.Popen[str]:
    command = [
        str(Path(_find_spark_home()) / "bin" / "spark-submit"),
        *("--jars", ",".join(str(jar) for jar in delta_jars())),
        *("--conf", "spark.ui.enabled=false", "--driver-memory", "1g", "--driver-java-options", QUICK),
        *("--conf", f"spark.executor.extraJavaOptions={QUICK}", "--conf", "spark.sql.shuffle.partitions=2"),
        *("--conf", "spark.databricks.delta.snapshotPartitions=2", "--conf", "spark.executor.memory=1g"),
        *("--conf", "spark.driver.host=127.0.0.1"),
        *arguments,
    ]
    environment = {"PYSPARK_PYTHON": python, "PYSPARK_DRIVER_PYTHON": python, **environment}
    return subprocess.Popen(
        command,
        cwd=directory,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module", autouse=True)
def _java() -> None:
    problem = java_problem()
    if problem is not None:
        pytest.fail(problem)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


def test_a_wrong_config_exits_with_2_and_no_traceback(wheel: Path, tmp_path: Path):
    config = write_case(tmp_path, diff__tolerance="often")
    done = submit(
        *("--master", "local[1]", "--py-files", str(wheel), JOB, "--config", str(config)),
        directory=tmp_path,
    )
    assert done.returncode == 2, done.stdout[-3000:]
    # spark-submit prints what a Python program writes to stderr on its own stdout.
    assert "replay.yaml:" in done.stdout
    assert "Traceback" not in done.stdout


@dataclass(frozen=True)
class Submitted:
    """A run of the job on a local master.

    Attributes:
        driver: Directory with the case, and the output.
        config: Of the case.
        python: Has all that the package needs, but not the package.
        options: Of the job.
        environment: Of spark-submit.
        done: How it ended.
    """

    driver: Path
    config: Path
    python: Path
    options: tuple[str, ...]
    environment: Mapping[str, str]
    done: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def local(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Submitted:
    """The package comes as a wheel alone; one checkpoint is weights with a factory, the other one is exported."""
    directory = tmp_path_factory.mktemp("submitted")
    driver, python = directory / "driver", python_without_replay(directory / "needed")
    driver.mkdir()
    config = write_looked_up_case(driver, "submitted", ROWS)
    data = yaml.safe_load(config.read_text())
    data["checkpoints"]["exported"] = {"path": "exported.pt2"}
    config.write_text(yaml.safe_dump(data))
    write_model(driver / "exported.pt2")
    with (driver / "submitted_models.py").open("a") as models:
        models.write(_HELD)
    options = ("--json", "--quiet")
    environment = {"PYTHONPATH": "", "TMPDIR": str(driver), "HOME": str(driver)}
    job = ("--py-files", str(wheel), JOB, "--config", str(config), *options)
    done = submit("--master", "local[2]", *job, directory=driver, python=str(python), **environment)
    return Submitted(driver, config, python, options, environment, done)


def test_replay_window_runs_from_a_wheel(local: Submitted):
    assert local.done.returncode == 0, local.done.stdout[-3000:]
    summary = json.loads(local.done.stdout)
    assert summary["reconciliation"]["scored"] == ROWS
    assert json.loads((local.driver / "out" / "summary.json").read_text()) == summary


def python_without_replay(directory: Path) -> Path:
    """An environment with all that the package needs, but without it; returns its Python."""
    venv.create(directory, symlinks=True, with_pip=False)
    python = directory / "bin" / "python"
    [packages] = directory.glob("lib/python*/site-packages")
    # Its .pth files, and so editable installs, do not count from here.
    places = [place for place in sys.path if Path(place).name == "site-packages"]
    (packages / "needed.pth").write_text("\n".join(places))
    look = "from importlib.util import find_spec as find; print(find('torch') is not None, find('replay'))"
    found = subprocess.run([str(python), "-c", look], env={}, cwd=directory, capture_output=True, text=True, check=True)
    assert found.stdout == "True None\n"
    return python


def archive_with_replay(python: Path, wheel: Path) -> Path:
    """The same environment with the package in it, as venv-pack makes one."""
    directory = python.parents[1]
    [packages] = directory.glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheel) as opened:
        opened.extractall(packages)
    archive = directory.with_suffix(".tar.gz")
    with tarfile.open(archive, "w:gz", compresslevel=1) as packed:
        packed.add(directory, arcname=".")
    return archive


_HELD = """

import os
import time
from pathlib import Path

class Held(Net):
    def forward(self, dense, item):
        if "HELD" in os.environ:
            Path("scoring").touch()
            while not Path("go").exists():
                time.sleep(0.05)
        return super().forward(dense, item)

def build():
    return Held()
"""
"""In executors that have HELD, scoring waits for a file in the task's directory; which one it is in, a file says."""


def lose_the_worker_that_scores(cluster: Standalone, directory: Path) -> None:
    """Kill a worker with all that it has started, as a machine goes that loses its power; then let the others work."""
    deadline = time.monotonic() + 150
    while not (scoring := list(directory.glob("worker-*/work/*/*/scoring"))):
        assert time.monotonic() < deadline, "no task has begun to score"
        time.sleep(0.05)
    name = scoring[0].relative_to(directory).parts[0]
    number = int(name.rpartition("-")[2])
    lost = cluster.workers[number - 1]
    for pid in (lost.pid, *_working_in(directory / name)):
        os.kill(pid, signal.SIGKILL)
    lost.wait()
    for place in directory.glob("worker-*/work/*/*"):
        (place / "go").touch()


def _working_in(directory: Path) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (entry / "cwd").readlink().is_relative_to(directory):
                found.append(int(entry.name))
    return found


def tables(output: str) -> dict[str, Any]:
    options = {"AWS_ALLOW_HTTP": "true"} if "://" in output else None
    found = {}
    for name, order in (("scores", "request_id"), ("metrics", None)):
        table = DeltaTable(f"{output}/{name}", storage_options=options).to_pyarrow_table()
        found[name] = bits(table if order is None else table.sort_by(order))
    return found


def texts(output: str) -> dict[str, str]:
    return {name: read_bytes(f"{output}/{name}").decode() for name in entry_names(output) if "." in name.strip(".")}


def test_two_workers_that_share_nothing_with_the_driver_give_the_bits_of_a_local_run(
    wheel: Path, local: Submitted, s3: S3Server, tmp_path: Path
):
    """Their homes are empty, and no Python of theirs has the package.

    They share no disk but Python's and Spark's, where this machine lets one hide the driver's directory from a process.
    """
    driver = local.driver
    expected = tables(f"{driver}/out")
    jobs = f"{s3.new_bucket()}/team/jobs"
    for file in driver.iterdir():
        if file.suffix in (".py", ".pt", ".pt2", ".json", ".yaml") or file.name == "traffic":
            upload(file, f"{jobs}/{file.name}")
    hidden = [driver] if cannot_hide() is None else []
    apart = Apart(tmp_path / "workers", hidden)
    with standalone_cluster(2, cores=1, environment=s3.environment(), apart=apart) as cluster:
        # All of it on the store.
        job = (JOB, "--config", f"{jobs}/replay.yaml", *local.options)
        done = submit(
            *("--master", cluster.url, "--py-files", str(wheel), *job),
            directory=driver,
            python=str(local.python),
            **local.environment,
        )
        assert done.returncode == 0, done.stdout[-3000:]
        assert tables(f"{jobs}/out") == expected
        copies = {file.name for file in (tmp_path / "workers").glob("*/tmp/replay-*/copy-*/*")}
        sent = {"prod.pt", "exported.pt2", "submitted_layers.py", "submitted_models.py", "surfaces.json"}
        assert not hidden or copies == sent

        # All but traffic and output on the driver's disk alone; the package in an archive; a worker is lost.
        archive = archive_with_replay(local.python, wheel)
        data = yaml.safe_load(local.config.read_text())
        data["traffic"]["path"], data["output"] = f"{jobs}/traffic", f"{jobs}/sent"
        local.config.write_text(yaml.safe_dump(data))
        job = ("--archives", f"{archive}#environment", JOB, "--config", str(local.config), *local.options)
        with submitted(
            *("--master", cluster.url, "--conf", "spark.executorEnv.HELD=1", *job),
            directory=driver,
            python="./environment/bin/python",
            **{**local.environment, "PYSPARK_DRIVER_PYTHON": str(local.python)},
        ) as process:
            lose_the_worker_that_scores(cluster, tmp_path / "workers")
            output, _ = process.communicate(timeout=150)
        assert process.returncode == 0, output[-3000:]
        assert tables(f"{jobs}/sent") == expected
    assert not any(SECRET in text for output in ("out", "sent") for text in texts(f"{jobs}/{output}").values())
    assert not any(any((tmp_path / "workers" / worker / "home").iterdir()) for worker in ("worker-1", "worker-2"))
