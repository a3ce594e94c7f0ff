"""What scenarios cost: whole commands beside the plain replay of the same rows, and the workers' memory."""

from __future__ import annotations

from tests.bench.case import ids_case
from tests.bench.contenders import CONTENDERS, Costs, compete, table
from tests.bench.options import BenchOptions, say
from tests.bench.parts.memory import measure_memory
from tests.bench.what_ifs import ALL, FEW, SHARE, make_scenarios

COUNTS = (1, 10, 40)
"""Scenarios under which memory is measured."""
_MB = 1 << 20


def print_scenarios(options: BenchOptions) -> None:
    """Print what scenarios cost, as multiples of the plain replay, and the peak memory of a worker by their number."""
    case = ids_case(options.directory)
    say(f"\nScenarios, whole commands: {case.title}; least of {options.repeats}; CPU seconds of all processes")
    commands = {name: CONTENDERS[name].make(case) for name in ("replay", "few", "all")}
    costs = compete(commands, (options.rows // 8, options.rows // 2), options.repeats)
    for line in table(costs):
        say(line)
    if not costs.failed:
        say("  at the margin, of the plain run:")
        say(f"    {FEW} scenarios, {SHARE:.0%} of rows each: {_cost(costs, 'few', 1)}   (target: 1.60)")
        say(f"    {ALL} scenarios, all rows, of {ALL} plain: {_cost(costs, 'all', ALL)}   (target: 0.85)")
    rows = options.rows // 16
    peaks = {}
    for count in COUNTS:
        config = case.config(case.table(rows), f"scenarios-{count}", make_scenarios(case, count, SHARE))
        peaks[count] = measure_memory(config, slots=1)["peak"] / _MB
    shown = ", ".join(f"{count} scenarios {peak:,.0f}" for count, peak in peaks.items())
    say(f"  peak memory of one worker (proportional set size, MB), {rows:,} rows: {shown}")


def _cost(costs: Costs, name: str, runs: int) -> str:
    """Time of a row over so many plain replays of it."""
    clock, cpu = costs.times("replay", name)
    return f"{clock / runs:5.2f} by the clock, {cpu / runs:5.2f} by CPU seconds"
