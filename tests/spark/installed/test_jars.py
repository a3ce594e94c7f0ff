"""Where Delta's jars are kept, and what happens where they cannot be had."""

from __future__ import annotations

import errno
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyspark
import pytest

from replay.errors import RunFailed
from replay.spark.installed import jars


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, in force."""
    monkeypatch.setenv("REPLAY_CACHE", str(tmp_path))
    return jars.jar_cache()


def resolver(monkeypatch: pytest.MonkeyPatch, *names: str, said: str = "") -> list[list[str]]:
    """A spark-submit that leaves jars of these names; returns the commands it is run with."""
    commands: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        ivy = next(part for part in command if part.startswith("spark.jars.ivy=")).partition("=")[2]
        for name in names:
            Path(ivy, "jars").mkdir(exist_ok=True)
            Path(ivy, "jars", name).touch()
        return subprocess.CompletedProcess(command, 1, "", said)

    monkeypatch.setattr(subprocess, "run", run)
    return commands


def test_each_version_of_delta_has_a_folder_of_its_own(cache: Path, tmp_path: Path) -> None:
    assert cache.parent == tmp_path / "jars"
    assert cache.name == jars.delta_package().replace(":", "_")


def test_jars_are_resolved_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = resolver(monkeypatch, "io.delta_delta-spark_1.jar", "io.delta_delta-storage_1.jar")
    names = ["io.delta_delta-spark_1.jar", "io.delta_delta-storage_1.jar"]
    for _ in range(2):
        assert [jar.name for jar in jars.delta_jars()] == names
    assert len(commands) == 1
    assert commands[0][commands[0].index("--packages") + 1] == jars.delta_package()


def test_without_a_repository_it_is_said_what_to_do(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resolver(monkeypatch, said="Server access error")
    with pytest.raises(RunFailed, match=r"could not resolve io\.delta.*spark\.jars yourself(.|\n)*Server access error"):
        jars.delta_jars()
    assert not (cache / "complete").exists()


@pytest.mark.parametrize(
    ("core", "problem"),
    [
        ("spark-core_2.13-9.1.4.jar", "a Spark 9.1, and PySpark is of"),
        ("spark-core_2.13-9.1.4-amzn-0.jar", "a Spark 9.1, and PySpark is of"),
        (f"spark-core_2.13-{pyspark.__version__}.jar", None),
        ("spark-core.jar", None),
        ("spark-sql_2.13-9.1.4.jar", None),
    ],
)
def test_a_home_of_another_release_is_refused(
    core: str, problem: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "jars").mkdir()
    (tmp_path / "jars" / core).touch()
    monkeypatch.setenv("SPARK_HOME", str(tmp_path))
    said = jars.home_problem()
    assert (said is None) == (problem is None)
    assert said is None or said.startswith(f"SPARK_HOME is {tmp_path}, {problem}")


def test_two_first_starts_at_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One resolves, and the other one waits for it."""
    commands = resolver(monkeypatch, "io.delta_delta-spark_1.jar")
    resolve = subprocess.run

    def slowly(*arguments: object, **named: object) -> object:
        time.sleep(0.3)
        return resolve(*arguments, **named)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "run", slowly)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: jars.delta_jars(), range(2)))
    assert [[jar.name for jar in each] for each in found] == [["io.delta_delta-spark_1.jar"]] * 2
    assert len(commands) == 1


def test_what_a_killed_start_left_goes(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cache / "resolving-1").mkdir(parents=True)
    (cache / "resolving-1" / "half.jar").touch()
    resolver(monkeypatch, "io.delta_delta-spark_1.jar")
    jars.delta_jars()
    assert sorted(each.name for each in cache.iterdir()) == ["complete", "io.delta_delta-spark_1.jar", "lock"]


def test_a_cache_that_is_full_is_said(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resolver(monkeypatch, "io.delta_delta-spark_1.jar")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("shutil.move", full)
    with pytest.raises(
        RunFailed, match=r"cannot be kept in .*No space left on device.*: make room there, or set REPLAY"
    ):
        jars.delta_jars()
    assert not (cache / "complete").exists()
