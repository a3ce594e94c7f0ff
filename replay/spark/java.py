"""The Java under Spark: which one it is, and whether it will do."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from replay.files.process_directory import keep, process_directory

JAVA_VERSIONS = (17, 21)
_LOG = "spark.log"


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
