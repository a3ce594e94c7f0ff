"""``make bench``: every way to score the same table, side by side in one run, and what this engine costs besides."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pyspark.sql import SparkSession

from replay.spark.session import spark_session
from tests.bench.bare import run_bare
from tests.bench.case import WIDE_FLOATS, WIDE_IDS, Case, write_model, write_traffic
from tests.bench.diagnose import print_diagnosis
from tests.bench.engine import prepare_case, run_engine, run_whole, write_config
from tests.bench.kinds.part import print_shares
from tests.bench.peers import mlflow_missing, run_map_in_arrow, run_mlflow, run_predict_batch_udf
from tests.bench.scenarios import print_memory, print_scenarios
from tests.bench.timing import Rate, compete

SLOTS = 2
PARTS = ["ids", "floats", "kinds", "whole", "scenarios", "diagnosis", "memory", "first"]
BARE = "bare loop: pyarrow, numpy, torch"


def say(text: str = "") -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def compare(spark: SparkSession, case: Case, small: int, large: int, directory: Path, repeats: int) -> None:
    """Print the rates of one case."""
    traffic = {rows: write_traffic(case, rows, directory) for rows in (small, large)}
    checkpoint = write_model(case, directory)
    configs = {rows: write_config(case, path, checkpoint, directory) for rows, path in traffic.items()}
    direct = {rows: prepare_case(config) for rows, config in configs.items()}
    scan = {rows: prepare_case(config, "spark") for rows, config in configs.items()}
    contenders: dict[str, Callable[[int], float]] = {
        BARE: lambda rows: run_bare(case, traffic[rows], SLOTS),
        "replay, direct reader": lambda rows: run_engine(direct[rows])[0],
        "replay, Spark reader": lambda rows: run_engine(scan[rows])[0],
        "Spark scan + mapInArrow by hand": lambda rows: run_map_in_arrow(spark, case, traffic[rows]),
        "predict_batch_udf": lambda rows: run_predict_batch_udf(spark, case, traffic[rows]),
    }
    missing = mlflow_missing()
    if missing is None:
        contenders["mlflow spark_udf"] = lambda rows: run_mlflow(spark, case, traffic[rows])
    say(f"\n{case.name}; {small:,} against {large:,} rows, {SLOTS} slots, least of {repeats}")
    say(f"  {'':34} {'by the clock':>27}   {'by CPU seconds':>27}")
    rates: dict[str, Rate] = {}
    for name, rate in compete(contenders, small, large, repeats):
        if isinstance(rate, Exception):
            say(f"  {name:34} failed: {str(rate).splitlines()[0][:100]}")
            continue
        rates[name] = rate
        bare = rates[BARE]
        walls = f"{rate.wall:>11,.0f} rows/s {rate.wall / bare.wall:5.2f} bare"
        say(f"  {name:34} {walls}   {rate.cpu:>11,.0f} rows/s {rate.cpu / bare.cpu:5.2f} bare")
    if missing is not None:
        say(f"  {'mlflow spark_udf':34} {missing}")
    if "predict_batch_udf" in rates:
        ours, theirs = rates["replay, direct reader"], rates["predict_batch_udf"]
        say(f"  replay is {ours.wall / theirs.wall:.2f} x predict_batch_udf by the clock,")
        say(f"  {ours.cpu / theirs.cpu:.2f} x by CPU seconds")
    seconds, stages = run_engine(direct[large])
    shown = ", ".join(f"{name} {stages[name]:.1f}" for name in ("read", "encode", "score", "write"))
    say(f"  task seconds of one direct run ({seconds:.1f} s): {shown}")


def whole_run(case: Case, rows: int, directory: Path) -> None:
    """Print what writing and diff add to scoring."""
    config = write_config(case, write_traffic(case, rows, directory), write_model(case, directory), directory)
    score_only, _ = run_engine(prepare_case(config))
    timings = run_whole(config)
    say(
        f"\nA whole run, {rows:,} rows: scoring alone {score_only:.1f} s; with keys checked, written, read back, diffed"
    )
    say(f"  {timings['wall']:.1f} s, of which diff (with its tables) {timings['diff']:.1f} s; ratio")
    say(f"  {timings['wall'] / score_only:.2f}")


def memory(case: Case, small: int, directory: Path) -> None:
    """Print peak memory at 1x and 4x the rows, and of two workers against one."""
    checkpoint = write_model(case, directory)
    configs = {
        times: write_config(case, write_traffic(case, times * small, directory), checkpoint, directory)
        for times in (1, 4)
    }

    def measure(times: int, slots: int) -> dict[str, int]:
        command = [sys.executable, "-m", "tests.bench.memory", str(configs[times]), "--slots", str(slots)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
        return found

    one, four, two = measure(1, 1), measure(4, 1), measure(1, 2)
    mb = 1 << 20
    weights = checkpoint.stat().st_size / mb
    say(f"\nMemory of the Python workers (proportional set size, MB), model of {weights:.0f} MB")
    say(f"  peak, one worker, {small:,} rows {one['peak'] / mb:,.0f}; {4 * small:,} rows {four['peak'] / mb:,.0f}")
    say(f"  settled, one worker {one['settled'] / mb:,.0f}; two workers {two['settled'] / mb:,.0f}: the second adds")
    say(f"  {(two['settled'] - one['settled']) / mb:,.0f}")


def first_answer(directory: Path) -> None:
    """Print the time from the shell to a report over 100,000 rows, the JVM's start included."""
    case = WIDE_IDS
    config = write_config(case, write_traffic(case, 100_000, directory), write_model(case, directory), directory)
    seconds: list[float] = []
    for _ in range(3):
        command = [sys.executable, "-c", "from replay.cli import main; main()", "run", str(config), "--quiet"]
        with tempfile.TemporaryDirectory() as output:
            start = time.perf_counter()
            subprocess.run([*command, "--output", f"{output}/out"], check=True)
            seconds.append(time.perf_counter() - start)
    say(f"\nFirst answer: 100,000 rows, run and diff, from the shell: {statistics.median(seconds):.1f} s (median of 3)")


def main() -> None:
    """Run what is asked for; all of it by default."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("parts", nargs="*", default=PARTS, metavar="PART", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--rows", type=int, default=2_000_000, help="rows of the large run")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()) / "replay-bench")
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        parser.error(f"found part {min(unknown)!r}, expected some of {', '.join(PARTS)}")
    os.environ["OMP_NUM_THREADS"] = "1"
    run_parts(arguments.parts, arguments.rows, arguments.directory, arguments.repeats)


def run_parts(parts: list[str], large: int, directory: Path, repeats: int) -> None:
    """Run some parts, in the order in which they are written down here."""
    case = WIDE_IDS
    in_one_session: dict[str, Callable[[SparkSession], None]] = {
        "ids": lambda spark: compare(spark, case, large // 4, large, directory, repeats),
        "floats": lambda spark: compare(spark, WIDE_FLOATS, large // 8, large // 2, directory, repeats),
        "whole": lambda _: whole_run(case, large, directory),
        "scenarios": lambda _: print_scenarios(case, large // 8, large // 2, directory, repeats, say),
        "diagnosis": lambda _: print_diagnosis(case, large // 2, directory, repeats, say),
    }
    if "kinds" in parts:
        print_shares(large // 4, directory / "kinds", repeats, say)
    # These start sessions of their own, in processes of their own.
    apart: dict[str, Callable[[], None]] = {
        "scenarios": lambda: print_memory(case, large // 8, directory, say),
        "memory": lambda: memory(case, large // 4, directory),
        "first": lambda: first_answer(directory),
    }
    if in_one_session.keys() & set(parts):
        with spark_session(f"local[{SLOTS}]", conf={"spark.driver.memory": "3g"}) as spark:
            for name, run in in_one_session.items():
                if name in parts:
                    run(spark)
    for name, start in apart.items():
        if name in parts:
            start()


if __name__ == "__main__":
    main()
