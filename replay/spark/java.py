"""The Java under Spark: which one it is, whether it will do, and a JVM of it that ends with this process.

Leans on: ``tempfile`` and ``Popen`` of ``pyspark.java_gateway``: where a JVM leaves how to reach it, and its process.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from replay.files.process_directory import keep, process_directory

JAVA_VERSIONS = (17, 21)
LOCAL_DIRS = "SPARK_LOCAL_DIRS"
_LOG = "spark.log"
_local: list[_Started] = []
"""What was launched for local sessions."""


def spark_log() -> Path:
    """Where the JVM that this process starts, and its Python workers, write their stderr."""
    return process_directory() / _LOG


def log_kept(words: str) -> str:
    """Where that can be read once the process has ended; empty where nothing was written.

    Args:
        words: What to say before the path.
    """
    log = spark_log()
    if not log.exists() or not log.stat().st_size:
        return ""
    keep(_LOG)
    return f"{words}{log}"


def java_problem() -> str | None:
    """What is wrong with this machine's Java, in one line, or None."""
    java = java_program()
    wanted = f"Spark needs Java {' or '.join(map(str, JAVA_VERSIONS))}: install it, or set JAVA_HOME"
    if java is None:
        return f"no `java` on the PATH and JAVA_HOME is not set; {wanted}"
    try:
        answer = java_version(java)
    except OSError as error:
        return f"cannot run {java}: {error.strerror}; {wanted}"
    match = re.search(r'version "(\d+)(?:\.(\d+))?', answer)
    if match is None:
        return f"{java} -version answered {answer.strip()[:80]!r}; {wanted}"
    version = int(match[2]) if match[1] == "1" and match[2] else int(match[1])
    return None if version in JAVA_VERSIONS else f"{java} is Java {version}; {wanted}"


def java_program() -> str | None:
    """The ``java`` that Spark will run, or None."""
    home = os.environ.get("JAVA_HOME")
    return str(Path(home) / "bin" / "java") if home else shutil.which("java")


@cache
def java_version(java: str) -> str:
    """What ``java -version`` says."""
    return subprocess.run([java, "-version"], capture_output=True, text=True, timeout=60, check=False).stderr


@contextmanager
def launching(local_dirs: str | None) -> Iterator[None]:
    """Launch a JVM that leaves nothing elsewhere, and is not left behind.

    Where this process ends meanwhile, its directory goes, in which the JVM is about to leave word that it is up: that
    fails, and the JVM would neither be told that nobody needs it nor notice.

    Args:
        local_dirs: Where Spark's temporary files go, whatever the environment says; None: as that says.
    """
    from pyspark import java_gateway

    process_directory()  # it goes at the end of this process, and what is registered later comes first
    started = _Started()
    if local_dirs:
        _local.append(started)
    atexit.register(started.end)
    theirs = {name: vars(java_gateway)[name] for name in ("tempfile", "Popen")}
    own = SimpleNamespace(mkdtemp=partial(tempfile.mkdtemp, dir=process_directory()), mkstemp=tempfile.mkstemp)
    vars(java_gateway).update(tempfile=own, Popen=started.start)
    said = os.environ.get(LOCAL_DIRS)
    if said and local_dirs:
        os.environ[LOCAL_DIRS] = local_dirs  # it would win over the settings
    try:
        yield
    except BaseException:
        started.end()
        raise
    finally:
        vars(java_gateway).update(theirs)
        atexit.unregister(started.end)
        if said and local_dirs:
            os.environ[LOCAL_DIRS] = said


def end_local_jvm() -> None:
    """End the JVM of a local session that this process launched, at once.

    One that ends by itself once this process is gone first writes the archive of its classes, if there is none yet: 20
    seconds of a core, where somebody asked for an end. What it leaves lies in this process's directory.
    """
    for started in _local:
        started.end()


class _Started:
    """Processes that were started, which are on their way up at first; once they are ended, none of them gets there."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[Any]] = []
        self._ending = False

    def start(self, *command: Any, **how: Any) -> subprocess.Popen[Any]:
        process = subprocess.Popen(*command, **how)
        self._processes.append(process)
        if self._ending:
            self.end()
        return process

    def end(self) -> None:
        self._ending = True
        for process in self._processes:
            process.kill()
