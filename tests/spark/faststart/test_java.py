"""Java's version and the options that it is started with."""

from __future__ import annotations

import os
import time
from importlib import metadata
from pathlib import Path

import pytest

from replay.spark.faststart import java


def fake_java(home: Path, answer: str) -> None:
    """A Java home whose ``java -version`` gives an answer, on stderr as the real one does."""
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{answer}\nEND\n")
    program.chmod(0o755)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Java home, in force."""
    java._version.cache_clear()
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


def option(options: str, name: str) -> Path | None:
    """Value of a ``-XX:name=value`` option."""
    values = [each.partition("=")[2] for each in options.split() if each.startswith(f"-XX:{name}=")]
    return Path(values[0]) if values else None


def test_the_first_session_writes_the_archive_and_later_ones_read_it(home: Path, tmp_path: Path) -> None:
    fake_java(home, 'openjdk version "17.0.12"')
    written = option(java.java_options(tmp_path / "jars"), "ArchiveClassesAtExit")
    assert written is not None
    assert written.parent == tmp_path / "jars"
    written.touch()
    assert option(java.java_options(tmp_path / "jars"), "SharedArchiveFile") is None  # may still be growing
    settled = time.time() - 120
    os.utime(written, (settled, settled))
    options = java.java_options(tmp_path / "jars")
    shared = option(options, "SharedArchiveFile")
    assert shared is not None
    assert shared.exists()
    assert option(options, "ArchiveClassesAtExit") is None
    assert not written.exists()


def test_only_a_short_session_compiles_with_c1_alone(home: Path, tmp_path: Path) -> None:
    fake_java(home, 'openjdk version "17.0.12"')
    assert option(java.java_options(tmp_path, short=True), "TieredStopAtLevel") == Path("1")
    assert option(java.java_options(tmp_path), "TieredStopAtLevel") is None


def test_another_java_does_not_read_the_archive(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_java(home, 'openjdk version "17.0.12"')
    written = option(java.java_options(tmp_path / "jars"), "ArchiveClassesAtExit")
    assert written is not None
    written.touch()
    settled = time.time() - 120
    os.utime(written, (settled, settled))
    assert option(java.java_options(tmp_path / "jars"), "SharedArchiveFile") is not None
    fake_java(tmp_path / "other", 'openjdk version "21.0.1"')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "other"))
    assert option(java.java_options(tmp_path / "jars"), "SharedArchiveFile") is None


def test_a_spark_that_is_not_installed_has_no_archive(home: Path, tmp_path: Path, monkeypatch) -> None:
    """Its version is not known, so that an archive could be of another."""
    fake_java(home, 'openjdk version "17.0.12"')

    def nothing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", nothing)
    options = java.java_options(tmp_path / "jars")
    assert option(options, "ArchiveClassesAtExit") is None
    assert option(options, "SharedArchiveFile") is None
