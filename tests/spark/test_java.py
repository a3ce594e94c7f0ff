"""Which Java there is, and whether Spark can run on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.spark import java


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
