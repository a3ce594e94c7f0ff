"""The Java under Spark: whether it will do, and how to start it quickly."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import time
from functools import cache
from pathlib import Path

JAVA_VERSIONS = (17, 21)

_SETTLED_SECONDS = 60.0
"""After so long a class archive is no longer being written."""


def java_problem() -> str | None:
    """What is wrong with this machine's Java, in one line, or None."""
    java = _java()
    wanted = f"Spark needs Java {' or '.join(map(str, JAVA_VERSIONS))}: install it, or set JAVA_HOME"
    if java is None:
        return f"no `java` on the PATH and JAVA_HOME is not set; {wanted}"
    try:
        answer = _version(java)
    except OSError as error:
        return f"cannot run {java}: {error.strerror}; {wanted}"
    match = re.search(r'version "(\d+)(?:\.(\d+))?', answer)
    if match is None:
        return f"{java} -version answered {answer.strip()[:80]!r}; {wanted}"
    version = int(match[2]) if match[1] == "1" and match[2] else int(match[1])
    return None if version in JAVA_VERSIONS else f"{java} is Java {version}; {wanted}"


def java_options(directory: Path, *, short: bool = False) -> str:
    """Options of a JVM that serves one local session.

    Most of a short run's time is the JVM loading and compiling classes. So it maps Spark's classes from an archive (JEP
    350), which the first session writes as it ends, and a short session compiles with C1 alone: what C2 gains comes
    after the run has ended.

    Args:
        directory: Where archives are kept; made if it is not there.
        short: The session has seconds of work, not minutes.
    """
    options = ["-XX:+UseSerialGC" if (os.cpu_count() or 1) <= 4 else "-XX:+UseParallelGC"]
    options += ["-XX:TieredStopAtLevel=1"] if short else []
    java = _java()
    if java is not None:
        directory.mkdir(parents=True, exist_ok=True)
        # A JVM that cannot use its archive says so on standard output, where only results belong.
        options += [*_archive(directory, _version(java)), "-Xlog:disable"]
    return " ".join(options)


def _archive(directory: Path, version: str) -> list[str]:
    """Options to read the archive of this Java and these packages, or to write it."""
    from importlib import metadata

    try:
        packages = [f"{name} {metadata.version(name)}" for name in ("pyspark", "delta-spark")]
    except metadata.PackageNotFoundError:
        return []  # a Spark that was not installed as a package may change under its path
    name = hashlib.sha256("\n".join([version, *packages]).encode()).hexdigest()[:16]
    target = directory / f"classes-{name}.jsa"
    if not target.exists():
        for written in directory.glob(f"new-{name}-*.jsa"):
            if time.time() - written.stat().st_mtime > _SETTLED_SECONDS:
                written.replace(target)
                break
    if target.exists():
        return [f"-XX:SharedArchiveFile={target}"]
    return [f"-XX:ArchiveClassesAtExit={directory / f'new-{name}-{os.getpid()}.jsa'}"]


def _java() -> str | None:
    home = os.environ.get("JAVA_HOME")
    return str(Path(home) / "bin" / "java") if home else shutil.which("java")


@cache
def _version(java: str) -> str:
    """What ``java -version`` says."""
    return subprocess.run([java, "-version"], capture_output=True, text=True, timeout=60, check=False).stderr
