"""``make soak``: one process that replays again and again, and what it holds on to."""

from __future__ import annotations

import argparse
import gc
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from pyspark.sql import SparkSession

import replay
from replay.spark.session import spark_session
from tests.bench.processes import descendants, is_java
from tests.flows.case import make_table, write_case

_ROWS, _SEED = 20_000, 7
_EACH_DIAGNOSED = 5
_SAID = 5
_UNITS = {"driver_mb": 1 << 20, "jvm_heap_mb": 1 << 20, "workers_mb": 1 << 20}


@dataclass(frozen=True)
class Held:
    """What a process and those below it hold after a run.

    Attributes:
        driver_mb: Memory of this process that is its own and resident, MB.
        jvm_heap_mb: What the JVM's heap holds after a collection, MB.
        workers_mb: The same as of this process, of all Python workers together.
        threads: Of this process.
        jvm_threads: Of the JVM.
        handles: Descriptors of this process.
        jvm_handles: Descriptors of the JVM.
        processes: Below this one.
        temporary: Files in the directory of temporary files, and below it.
    """

    driver_mb: float
    jvm_heap_mb: float
    workers_mb: float
    threads: float
    jvm_threads: float
    handles: float
    jvm_handles: float
    processes: float
    temporary: float


_MOST_GROWTH = Held(
    driver_mb=12,
    jvm_heap_mb=12,
    workers_mb=24,
    threads=1,
    jvm_threads=8,
    handles=2,
    jvm_handles=8,
    processes=0,
    temporary=2,
)
"""Between the first and the last third, by their medians: what garbage, pools and caches of a fixed size may take."""


def look(spark: SparkSession, temporary: Path) -> Held:
    """Measure, after what is garbage is gone."""
    gc.collect()
    jvm = spark.sparkContext._jvm
    assert jvm is not None
    jvm.java.lang.System.gc()
    runtime = jvm.java.lang.Runtime.getRuntime()
    below = list(descendants(os.getpid()))
    java = [pid for pid in below if is_java(pid)]
    return Held(
        driver_mb=_private(os.getpid()),
        jvm_heap_mb=runtime.totalMemory() - runtime.freeMemory(),
        workers_mb=sum(_private(pid) for pid in below if pid not in java),
        threads=_entries(os.getpid(), "task"),
        jvm_threads=sum(_entries(pid, "task") for pid in java),
        handles=_entries(os.getpid(), "fd"),
        jvm_handles=sum(_entries(pid, "fd") for pid in java),
        processes=len(below),
        temporary=sum(1 for _ in temporary.rglob("*")),
    )


def _private(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private")) * 1024


def _entries(pid: int, kind: str) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/{kind}"))  # noqa: PTH208
    except OSError:
        return 0


def soak(runs: int, directory: Path, temporary: Path) -> list[Held]:
    """Replay so many times, and measure after each."""
    config = write_case(
        directory, make_table(rows=_ROWS, seed=_SEED), scenarios={"none": [{"op": "nulls", "features": ["x0"]}]}
    )
    found = []
    with spark_session("local[2]", {"spark.driver.memory": "1g"}, "replay-soak") as spark:
        for number in range(1, runs + 1):
            start = time.monotonic()
            command = replay.diagnose if number % _EACH_DIAGNOSED == 0 else replay.run
            command(config, output=str(directory / "out"), overwrite=True, quiet=True)
            seconds = time.monotonic() - start
            found.append(look(spark, temporary))
            if number % _SAID == 0 or number == 1:
                _say(f"{number:3} {seconds:5.1f} s  {_told(found[-1])}")
    return found


def growth(found: list[Held]) -> Held:
    """From the first to the last third of the runs, by the median of each; the first few only fill what stays."""
    third = len(found) // 3
    return Held(
        **{
            each.name: statistics.median(getattr(held, each.name) for held in found[-third:])
            - statistics.median(getattr(held, each.name) for held in found[third : 2 * third])
            for each in fields(Held)
        }
    )


def too_much(grown: Held) -> Iterator[str]:
    """What grew by more than it may."""
    for name, amount in asdict(grown).items():
        if amount / _UNITS.get(name, 1) > getattr(_MOST_GROWTH, name):
            yield name


def _told(held: Held) -> str:
    return "  ".join(f"{name} {amount / _UNITS.get(name, 1):.0f}" for name, amount in asdict(held).items())


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Soak; 0 where nothing grew."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--runs", type=int, default=50)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="replay-soak-") as place:
        directory, temporary = Path(place) / "case", Path(place) / "tmp"
        temporary.mkdir()
        os.environ["TMPDIR"] = str(temporary)
        tempfile.tempdir = None
        found = soak(arguments.runs, directory, temporary)
        shutil.rmtree(directory)
    grown = growth(found)
    _say(f"from the middle to the last third of {len(found)} runs, by medians: {_told(grown)}")
    worse = list(too_much(grown))
    _say(f"grew: {', '.join(worse)}" if worse else "flat")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
