"""Scoring alone, the scores thrown away: the engine and a loop in two processes each, and other ways on Spark."""

from __future__ import annotations

from collections.abc import Callable

from replay.spark.session import spark_session
from tests.bench.case import Case, floats_case, ids_case
from tests.bench.commands import SLOTS
from tests.bench.options import BenchOptions, say
from tests.bench.peers import mlflow_missing, run_mlflow, timed, with_map_in_arrow, with_predict_batch_udf
from tests.bench.side_by_side import open_engine, open_loop, run_side_by_side
from tests.bench.timing import Rate, compete

_LOOP, _ENGINE, _UDF = "loop by hand", "replay, scoring alone", "predict_batch_udf"


def print_ids(options: BenchOptions) -> None:
    """Print the rates over floats and ids."""
    print_scoring(ids_case(options.directory), options.rows // 8, options.rows // 2, options.repeats)


def print_floats(options: BenchOptions) -> None:
    """Print the rates over 300 floats."""
    print_scoring(floats_case(options.directory), options.rows // 16, options.rows // 4, options.repeats)


def print_scoring(case: Case, small: int, large: int, repeats: int) -> None:
    """Print the rates of one case between two sizes."""
    traffic = {rows: case.table(rows) for rows in (small, large)}
    say(f"\nScoring alone: {case.title}; {small:,} against {large:,} rows, {SLOTS} slots, least of {repeats}")
    say(f"  {'':26} {'by the clock':>27}   {'by CPU seconds':>27}")
    rates: dict[str, Rate] = {}
    with spark_session(f"local[{SLOTS}]", conf={"spark.driver.memory": "3g"}) as spark:
        contenders: dict[str, Callable[[int], float]] = {
            _LOOP: lambda rows: run_side_by_side(open_loop, case, rows),
            _ENGINE: lambda rows: run_side_by_side(open_engine, case, rows),
            "Spark scan + mapInArrow": lambda rows: timed(with_map_in_arrow(spark, case, traffic[rows])),
            _UDF: lambda rows: timed(with_predict_batch_udf(spark, case, traffic[rows])),
        }
        missing = mlflow_missing()
        if missing is None:
            contenders["mlflow spark_udf"] = lambda rows: run_mlflow(spark, case, traffic[rows])
        for name, rate in compete(contenders, small, large, repeats):
            if isinstance(rate, Exception):
                say(f"  {name:26} failed: {str(rate).splitlines()[0][:100]}")
                continue
            rates[name] = rate
            loop = rates[_LOOP]
            walls = f"{rate.wall:>11,.0f} rows/s {rate.wall / loop.wall:5.2f} loop"
            say(f"  {name:26} {walls}   {rate.cpu:>11,.0f} rows/s {rate.cpu / loop.cpu:5.2f} loop")
    if missing is not None:
        say(f"  {'mlflow spark_udf':26} {missing}")
    if {_UDF, _ENGINE} <= set(rates):
        ours, theirs = rates[_ENGINE], rates[_UDF]
        say(f"  replay's scoring is {ours.wall / theirs.wall:.2f} x predict_batch_udf by the clock,")
        say(f"  {ours.cpu / theirs.cpu:.2f} x by CPU seconds")
