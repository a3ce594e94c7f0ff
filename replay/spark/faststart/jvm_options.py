"""Options of the JVM of a local session, and the archive of Spark's classes that it maps.

Leans on: HotSpot's class data sharing (``-XX:ArchiveClassesAtExit``, ``-XX:SharedArchiveFile``), which takes an archive
only over the very jars that it was made of, by path, size and time of change, and writes its header last; the levels of
its compilers; and on ``spark-class`` giving ``SPARK_LAUNCHER_OPTS`` to the JVM that puts its command together. A JVM
that does not take an archive goes on without one, and says nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

from replay.spark.faststart import is_on
from replay.spark.java import java_program, java_version

_SETTLED_SECONDS = 60.0
"""After so long a class archive is no longer being written."""
_LAUNCHER = "SPARK_LAUNCHER_OPTS"
_SPECIAL = re.compile(r"""[\s"'\\]""")
_MAGIC_BYTES = 4
_KEPT_ARCHIVES = 4
"""One for each place that Spark is installed in; of 200 MB each."""


def java_options(directory: Path, jars: Sequence[Path], *, short: bool = False) -> str:
    """Options of a JVM that serves one local session.

    Most of a short run's time is the JVM loading and compiling classes. So it maps Spark's classes from an archive (JEP
    350), which the first session writes as it ends, and a short session compiles with C1 alone: what C2 gains comes
    after the run has ended.

    Args:
        directory: Where archives are kept; made if it is not there.
        jars: Folders and files of jars on the class path.
        short: The session has seconds of work, not minutes.
    """
    if not is_on():
        return ""
    options = ["-XX:+UseSerialGC" if (os.cpu_count() or 1) <= 4 else "-XX:+UseParallelGC"]
    options += ["-XX:TieredStopAtLevel=1"] if short else []
    java = java_program()
    if java is not None:
        directory.mkdir(parents=True, exist_ok=True)
        # A JVM that cannot use its archive says so on standard output, where only results belong.
        options += [*_archive(directory, java_version(java), jars), "-Xlog:disable"]
    return " ".join(map(quoted, options))


def quoted(option: str) -> str:
    """An option as Spark takes options apart: at spaces, but for those in quotes.

    >>> quoted("-Da=/a b")
    '"-Da=/a b"'
    """
    if not _SPECIAL.search(option):
        return option
    escaped = option.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@contextlib.contextmanager
def launcher_options() -> Iterator[None]:
    """Let the JVM that only puts the command of another one together compile little."""
    if not is_on() or _LAUNCHER in os.environ:
        yield
        return
    os.environ[_LAUNCHER] = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
    try:
        yield
    finally:
        os.environ.pop(_LAUNCHER, None)


def _archive(directory: Path, version: str, jars: Sequence[Path]) -> list[str]:
    """Options to read the archive of this Java and these jars, or to write it."""
    try:
        packages = [f"{name} {metadata.version(name)}" for name in ("pyspark", "delta-spark")]
    except metadata.PackageNotFoundError:
        return []  # a Spark that was not installed as a package may change under its path
    name = hashlib.sha256("\n".join([version, *packages, *_states(jars)]).encode()).hexdigest()[:16]
    target = directory / f"classes-{name}.jsa"
    if not target.exists():
        for written in directory.glob(f"new-{name}-*.jsa"):
            if time.time() - written.stat().st_mtime > _SETTLED_SECONDS and _is_whole(written):
                written.replace(target)
                break
    if target.exists():
        _keep(directory, target, name)
        return [f"-XX:SharedArchiveFile={target}"]
    return [f"-XX:ArchiveClassesAtExit={directory / f'new-{name}-{os.getpid()}.jsa'}"]


def _is_whole(archive: Path) -> bool:
    """Whether the JVM that wrote an archive came to its end: it writes what stands at the beginning last."""
    with archive.open("rb") as file:
        return any(file.read(_MAGIC_BYTES))


def _states(jars: Sequence[Path]) -> list[str]:
    """What the JVM compares of jars, in their order: an archive over others would silently not be taken."""
    files = [file for place in jars for file in (sorted(place.glob("*.jar")) if place.is_dir() else [place])]
    found = ((file, file.stat() if file.exists() else None) for file in files)
    return [f"{file} {status and (status.st_size, status.st_mtime_ns)}" for file, status in found]


def _keep(directory: Path, used: Path, name: str) -> None:
    """Mark an archive as used now; remove what lost the race to it, and those that nobody has used for longest."""
    with contextlib.suppress(OSError):
        os.utime(used)
        lost = [*directory.glob(f"new-{name}-*.jsa")]
        others = {*directory.glob("*.jsa")}.difference(lost)
        latest = sorted(others, key=lambda file: file.stat().st_mtime, reverse=True)
        for file in (*lost, *latest[_KEPT_ARCHIVES:]):
            if time.time() - file.stat().st_mtime > _SETTLED_SECONDS:
                file.unlink(missing_ok=True)
