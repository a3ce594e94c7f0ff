"""Options of the JVM of a local session, and its archive of classes."""

from __future__ import annotations

import os
import shlex
import time
from importlib import metadata
from pathlib import Path

import pytest

from replay.spark import java
from replay.spark.faststart.jvm_options import java_options, launcher_options
from tests.spark.test_java import fake_java


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Java home, in force."""
    java.java_version.cache_clear()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "java"))
    return tmp_path / "java"


ARCHIVE = b"\xa8\xba\x0b\xf0 and all that is in it"


def option(options: str, name: str) -> Path | None:
    """Value of a ``-XX:name=value`` option."""
    values = [each.partition("=")[2] for each in options.split() if each.startswith(f"-XX:{name}=")]
    return Path(values[0]) if values else None


def test_the_first_session_writes_the_archive_and_later_ones_read_it(home: Path, tmp_path: Path) -> None:
    fake_java(home, 'openjdk version "17.0.12"')
    written = option(java_options(tmp_path / "jars", []), "ArchiveClassesAtExit")
    assert written is not None
    assert written.parent == tmp_path / "jars"
    written.write_bytes(ARCHIVE)
    assert option(java_options(tmp_path / "jars", []), "SharedArchiveFile") is None  # may still be growing
    settled = time.time() - 120
    os.utime(written, (settled, settled))
    options = java_options(tmp_path / "jars", [])
    shared = option(options, "SharedArchiveFile")
    assert shared is not None
    assert shared.exists()
    assert option(options, "ArchiveClassesAtExit") is None
    assert not written.exists()


def test_an_archive_of_a_jvm_that_was_killed_is_never_taken(home: Path, tmp_path: Path) -> None:
    """Where its header would stand, there is still nothing; the next session writes another one."""
    fake_java(home, 'openjdk version "17.0.12"')
    written = settle(option(java_options(tmp_path / "jars", []), "ArchiveClassesAtExit"))
    written.write_bytes(bytes(4096))
    settled = time.time() - 120
    os.utime(written, (settled, settled))
    options = java_options(tmp_path / "jars", [])
    assert option(options, "SharedArchiveFile") is None
    assert option(options, "ArchiveClassesAtExit") is not None


def test_a_cache_in_a_folder_with_a_space_stays_one_option(home: Path, tmp_path: Path) -> None:
    """Spark takes options apart as a shell does."""
    fake_java(home, 'openjdk version "17.0.12"')
    options = shlex.split(java_options(tmp_path / "my jars", []))
    archives = [each.partition("=")[2] for each in options if each.startswith("-XX:ArchiveClassesAtExit=")]
    assert [Path(each).parent for each in archives] == [tmp_path / "my jars"]


def test_only_a_short_session_compiles_with_c1_alone(home: Path, tmp_path: Path) -> None:
    fake_java(home, 'openjdk version "17.0.12"')
    assert option(java_options(tmp_path, [], short=True), "TieredStopAtLevel") == Path("1")
    assert option(java_options(tmp_path, []), "TieredStopAtLevel") is None


def test_another_java_does_not_read_the_archive(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_java(home, 'openjdk version "17.0.12"')
    written = option(java_options(tmp_path / "jars", []), "ArchiveClassesAtExit")
    assert written is not None
    written.write_bytes(ARCHIVE)
    settled = time.time() - 120
    os.utime(written, (settled, settled))
    assert option(java_options(tmp_path / "jars", []), "SharedArchiveFile") is not None
    fake_java(tmp_path / "other", 'openjdk version "21.0.1"')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "other"))
    assert option(java_options(tmp_path / "jars", []), "SharedArchiveFile") is None


def settle(written: Path | None) -> Path:
    """An archive that was written a while ago."""
    assert written is not None
    written.write_bytes(ARCHIVE)
    settled = time.time() - 120
    os.utime(written, (settled, settled))
    return written


def test_jars_elsewhere_or_written_anew_have_an_archive_of_their_own(home: Path, tmp_path: Path) -> None:
    """The JVM would not take it, silently."""
    fake_java(home, 'openjdk version "17.0.12"')
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.jar").write_bytes(b"a")
    settle(option(java_options(tmp_path / "jars", [tmp_path / "one"]), "ArchiveClassesAtExit"))
    assert option(java_options(tmp_path / "jars", [tmp_path / "one"]), "SharedArchiveFile") is not None
    assert option(java_options(tmp_path / "jars", [tmp_path / "two"]), "SharedArchiveFile") is None
    os.utime(tmp_path / "one" / "a.jar", (1, 1))
    assert option(java_options(tmp_path / "jars", [tmp_path / "one"]), "SharedArchiveFile") is None


def test_archives_that_nobody_uses_are_removed(home: Path, tmp_path: Path) -> None:
    fake_java(home, 'openjdk version "17.0.12"')
    directory = tmp_path / "jars"
    directory.mkdir()
    others = [directory / f"classes-{number}.jsa" for number in range(5)]
    for number, other in enumerate(others):
        other.touch()
        os.utime(other, (1000 + number, 1000 + number))
    written = settle(option(java_options(directory, []), "ArchiveClassesAtExit"))
    lost = settle(written.with_name(written.name.replace(str(os.getpid()), "1")))
    growing = directory / "new-0123456789abcdef-1.jsa"
    growing.touch()
    used = option(java_options(directory, []), "SharedArchiveFile")
    assert not lost.exists()
    assert set(directory.glob("*.jsa")) == {used, growing, others[4], others[3]}


def test_a_spark_that_is_not_installed_has_no_archive(home: Path, tmp_path: Path, monkeypatch) -> None:
    """Its version is not known, so that an archive could be of another."""
    fake_java(home, 'openjdk version "17.0.12"')

    def nothing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", nothing)
    options = java_options(tmp_path / "jars", [])
    assert option(options, "ArchiveClassesAtExit") is None
    assert option(options, "SharedArchiveFile") is None


def test_the_launcher_compiles_little_unless_someone_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPARK_LAUNCHER_OPTS", raising=False)
    with launcher_options():
        assert "-XX:TieredStopAtLevel=1" in os.environ["SPARK_LAUNCHER_OPTS"]
    assert "SPARK_LAUNCHER_OPTS" not in os.environ
    monkeypatch.setenv("SPARK_LAUNCHER_OPTS", "-Dgiven=1")
    with launcher_options():
        assert os.environ["SPARK_LAUNCHER_OPTS"] == "-Dgiven=1"
    assert os.environ["SPARK_LAUNCHER_OPTS"] == "-Dgiven=1"
