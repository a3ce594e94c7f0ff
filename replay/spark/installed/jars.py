"""Delta's jars, resolved once and kept in a cache directory, so that later sessions neither resolve nor copy them.

Leans on: ``spark-submit --packages``, whose resolver is the only one that a machine with Spark surely has, on where it
leaves what it has resolved, on ``pyspark.find_spark_home``, and on the name of the jar of Spark's core. ``python -m
replay.spark.installed.jars`` resolves them ahead: the set-up step of the Makefile.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from replay.errors import ReplayError, RunFailed, UsageError
from replay.spark.installed.versions import delta_package, spark_release
from replay.spark.java import java_problem

_RESOLVING = "resolving-"

# What Delta names as dependencies but Spark already carries: left out, so that no second copy shadows Spark's own.
_IN_SPARK = (
    "org.apache.hadoop:hadoop-client-api",
    "org.apache.hadoop:hadoop-client-runtime",
    "com.fasterxml.jackson.core:jackson-annotations",
    "com.fasterxml.jackson.core:jackson-core",
    "com.fasterxml.jackson.core:jackson-databind",
    "com.fasterxml.jackson.datatype:jackson-datatype-jdk8",
    "org.apache.logging.log4j:log4j-api",
    "org.apache.logging.log4j:log4j-core",
    "org.apache.logging.log4j:log4j-slf4j2-impl",
    "org.slf4j:slf4j-api",
    "org.apache.parquet:parquet-hadoop",
    "org.xerial.snappy:snappy-java",
    "com.github.luben:zstd-jni",
    "org.roaringbitmap:RoaringBitmap",
    "org.roaringbitmap:shims",
    "org.locationtech.jts:jts-core",
)


def jar_cache() -> Path:
    """Directory of the resolved jars, under ``$REPLAY_CACHE`` or ``~/.cache/replay-engine``: one a Delta and Spark."""
    root = (
        os.environ.get("REPLAY_CACHE")
        or Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "replay-engine"
    )
    return Path(root) / "jars" / delta_package().replace(":", "_")


def spark_jars() -> Path:
    """Folder of Spark's own jars."""
    return _spark_home() / "jars"


def home_problem() -> str | None:
    """What is wrong with the Spark that PySpark starts, in one line, or None: ``SPARK_HOME`` may lead elsewhere."""
    for core in spark_jars().glob("spark-core_*.jar"):
        found = re.match(r"spark-core_[\d.]+-(\d+\.\d+)", core.name)
        if found is not None and found[1] != spark_release():
            return (
                f"SPARK_HOME is {_spark_home()}, a Spark {found[1]}, and PySpark is of {spark_release()}: unset "
                f"SPARK_HOME, or `pip install 'pyspark=={found[1]}.*'`"
            )
    return None


def _spark_home() -> Path:
    from pyspark.find_spark_home import _find_spark_home

    return Path(_find_spark_home())


def delta_jars() -> tuple[Path, ...]:
    """Delta's jars on this machine, resolved with Spark's own resolver the first time; of two first times, once.

    Raises:
        RunFailed: They could not be resolved, or not be kept.
    """
    cache = jar_cache()
    if not (cache / "complete").exists():
        try:
            with _alone(cache):
                if not (cache / "complete").exists():
                    _resolve(cache)
        except OSError as error:
            raise RunFailed(
                f"Delta's jars cannot be kept in {cache} ({error}): make room there, or set REPLAY_CACHE to another "
                "directory"
            ) from error
    return tuple(sorted(cache.glob("*.jar")))


@contextlib.contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Wait until no other process resolves the jars; what one did not finish that was killed goes."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:  # a disk without locks: both resolve, and the files of the second replace equal ones
            yield
            return
        for left in cache.glob(f"{_RESOLVING}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield


def _resolve(cache: Path) -> None:
    """Resolve into a directory of the cache, then move the jars up; the marker comes last."""
    package = delta_package()
    spark_submit = _spark_home() / "bin" / "spark-submit"
    with tempfile.TemporaryDirectory(prefix=_RESOLVING, dir=cache) as ivy:
        answer = subprocess.run(
            [
                str(spark_submit),
                *("--master", "local[1]", "--packages", package, "--exclude-packages", ",".join(_IN_SPARK)),
                *("--conf", f"spark.jars.ivy={ivy}", "--class", "org.apache.spark.util.ThreadUtils", "none.jar"),
            ],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYSPARK_PYTHON": sys.executable},
        )
        jars = sorted(Path(ivy, "jars").glob("*.jar"))
        if not any("delta-spark" in jar.name for jar in jars):
            tail = "\n".join(answer.stderr.strip().splitlines()[-15:])
            raise RunFailed(
                f"could not resolve {package} (is a Maven repository reachable? set spark.jars yourself with "
                f"`--conf spark.jars=...` if not):\n{tail}"
            )
        for jar in jars:
            shutil.move(jar, cache / jar.name)
    (cache / "complete").touch()


def main() -> int:
    """Check Java and resolve the jars."""
    try:
        problem = java_problem()
        if problem is not None:
            raise UsageError(problem)
        delta_jars()
    except ReplayError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
