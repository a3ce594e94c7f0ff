"""Which Java there is, and whether Spark can run on it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from replay.spark import java
from tests.bench.chaos.victims import MARK, wait_for_end


def fake_java(home: Path, answer: str) -> None:
    """A Java home whose ``java -version`` gives an answer, on stderr as the real one does."""
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{answer}\nEND\n")
    program.chmod(0o755)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Java home, in force."""
    java.java_version.cache_clear()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "java"))
    return tmp_path / "java"


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ('openjdk version "17.0.12" 2024-07-16', None),
        ('openjdk version "21" 2023-09-19', None),
        ('java version "1.8.0_402"', "is Java 8; Spark needs Java 17 or 21"),
        ('openjdk version "11.0.2"', "is Java 11; Spark needs Java 17 or 21"),
        ("no version here", "answered 'no version here'; Spark needs Java 17 or 21"),
    ],
)
def test_the_version_is_judged(home: Path, answer: str, problem: str | None) -> None:
    fake_java(home, answer)
    found = java.java_problem()
    assert found is None if problem is None else problem in str(found)


def test_a_java_that_cannot_be_run_is_named(home: Path) -> None:
    assert f"cannot run {home}/bin/java: No such file" in str(java.java_problem())


def test_no_java_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no `java` on the PATH and JAVA_HOME is not set" in str(java.java_problem())


def test_the_log_is_private_and_stays_only_where_an_error_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else's link in its place would be written through."""
    kept: list[str] = []
    monkeypatch.setattr(java, "process_directory", lambda: tmp_path)
    monkeypatch.setattr(java, "keep", kept.append)
    assert java.log_kept("; its log is ") == ""
    java.spark_log().touch()
    assert (java.log_kept("; its log is "), kept) == ("", [])
    java.spark_log().write_text("OutOfMemoryError")
    assert (java.log_kept("; its log is "), kept) == (f"; its log is {tmp_path}/spark.log", ["spark.log"])


_ENDS = """
import os, sys, threading
from pyspark import java_gateway
from replay.spark.java import launching

begun = threading.Event()

def launch():
    with launching(None):
        java_gateway.Popen(["sleep", "600"])
        begun.set()
        {then}

threading.Thread(target=launch, daemon=True).start()
begun.wait()
"""


@pytest.mark.parametrize("then", ["threading.Event().wait()", "raise KeyboardInterrupt"], ids=["ends", "interrupted"])
def test_what_is_on_its_way_up_when_the_process_ends_goes_with_it(then: str, tmp_path: Path) -> None:
    environment = {**os.environ, MARK: str(tmp_path), "TMPDIR": str(tmp_path)}
    program = [sys.executable, "-c", _ENDS.format(then=then)]
    subprocess.run(program, env=environment, check=True, capture_output=True, timeout=60)
    assert wait_for_end(str(tmp_path), within_seconds=5) == []
    assert list(tmp_path.iterdir()) == []
