"""What scenarios cost: beside the plain replay of the same rows, and in the workers' memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench.case import Case, write_model, write_traffic
from tests.bench.engine import prepare_case, run_whole, run_written, write_config
from tests.bench.timing import Rate, compete

FEW, SHARE = 20, 0.05
"""Scenarios that touch few rows each, and which share."""
ALL = 8
"""Scenarios that touch all rows."""
COUNTS = (1, 10, 40)
"""Scenarios under which memory is measured."""
_MB = 1 << 20
_LEAST = 0.05
"""A ratio below this is no measurement."""


def make_scenarios(case: Case, count: int, rate: float) -> dict[str, list[dict[str, object]]]:
    """So many scenarios of one step each: the operations and the families take turns."""
    operations: tuple[dict[str, object], ...] = (
        {"op": "nulls"},
        {"op": "constant", "value": 1},
        {"op": "scale", "factor": 0.5},
        {"op": "nulls"},
        {"op": "clip", "min": 0, "max": 10},
    )
    families = list(case.families())
    return {
        f"s{place:02}": [
            {**operations[place % len(operations)], "families": [families[place % len(families)]], "rate": rate}
        ]
        for place in range(count)
    }


def scenario_costs(
    case: Case, small: int, large: int, directory: Path, repeats: int, *, whole: bool
) -> Iterator[tuple[str, Rate | Exception]]:
    """Rates of the plain replay, of few rows each under 20 scenarios, and of all rows under 8.

    Args:
        case: Table and model.
        small: Rows of the small run.
        large: Rows of the large run.
        directory: Where the tables are.
        repeats: Turns.
        whole: Measure whole runs (keys checked, read back, diffed, reported), not scoring and writing alone.
    """
    checkpoint = write_model(case, directory)
    sections: dict[str, dict[str, list[dict[str, object]]]] = {
        "plain": {},
        "few": make_scenarios(case, FEW, SHARE),
        "all": make_scenarios(case, ALL, 1.0),
    }
    contenders: dict[str, Callable[[int], float]] = {}
    for name, scenarios in sections.items():
        configs = {
            rows: write_config(case, write_traffic(case, rows, directory), checkpoint, directory, name, scenarios)
            for rows in (small, large)
        }
        contenders[name] = _whole(configs) if whole else _written(configs)
    yield from compete(contenders, small, large, repeats)


def _whole(configs: dict[int, Path]) -> Callable[[int], float]:
    return lambda rows: run_whole(configs[rows])["wall"]


def _written(configs: dict[int, Path]) -> Callable[[int], float]:
    prepared = {rows: prepare_case(config) for rows, config in configs.items()}
    return lambda rows: run_written(prepared[rows])


def scenario_memory(case: Case, rows: int, directory: Path) -> dict[int, dict[str, int]]:
    """Bytes of one worker, by the number of scenarios that it scores: ``peak`` and ``settled``."""
    traffic, checkpoint = write_traffic(case, rows, directory), write_model(case, directory)
    found = {}
    for count in COUNTS:
        config = write_config(
            case, traffic, checkpoint, directory, f"scenarios-{count}", make_scenarios(case, count, SHARE)
        )
        command = [sys.executable, "-m", "tests.bench.memory", str(config), "--slots", "1"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found[count] = json.loads(done.stdout.splitlines()[-1])
    return found


def print_scenarios(
    case: Case, small: int, large: int, directory: Path, repeats: int, say: Callable[[str], None]
) -> None:
    """Print what scenarios cost, as multiples of the plain replay."""
    say(f"\nScenarios: {case.name}; {small:,} against {large:,} rows, least of {repeats}, as multiples of plain")
    for whole, shown in ((False, "scored and written"), (True, "whole runs, diff included")):
        rates: dict[str, Rate] = {}
        for name, rate in scenario_costs(case, small, large, directory, repeats, whole=whole):
            if isinstance(rate, Exception):
                say(f"  {name} failed: {str(rate).splitlines()[0][:100]}")
            else:
                rates[name] = rate
        if len(rates) < 3:
            continue
        plain, few, every = rates["plain"], rates["few"], rates["all"]
        say(f"  {shown}; plain {plain.wall:,.0f} rows/s by the clock, {plain.cpu:,.0f} by CPU seconds")
        say(f"    {FEW} scenarios, {SHARE:.0%} of rows each: {_times(plain, few)}   (target: 2.00)")
        say(f"    {ALL} scenarios, all rows, of {ALL} plain: {_times(plain, every, ALL)}   (target: 0.85)")


def _times(plain: Rate, other: Rate, runs: int = 1) -> str:
    """Time of a row over so many plain replays of it."""
    clock, cpu = plain.wall / other.wall / runs, plain.cpu / other.cpu / runs
    # Other work on the machine can make a small run slower than a large one.
    by_clock = f"{clock:5.2f}" if clock > _LEAST else "  n/a"
    return f"{by_clock} by the clock, {cpu:5.2f} by CPU seconds"


def print_memory(case: Case, rows: int, directory: Path, say: Callable[[str], None]) -> None:
    """Print the peak memory of a worker by the number of scenarios."""
    found = scenario_memory(case, rows, directory)
    peaks = ", ".join(f"{count} scenarios {each['peak'] / _MB:,.0f}" for count, each in found.items())
    say(f"  peak memory of one worker (proportional set size, MB), {rows:,} rows: {peaks}")
