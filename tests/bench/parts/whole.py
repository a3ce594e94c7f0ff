"""What a user waits for: whole commands from the shell to their end, beside a loop by hand and Spark's own way."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench.case import Case, ids_case
from tests.bench.contenders import CONTENDERS, Costs, compete, table
from tests.bench.options import BenchOptions, say
from tests.bench.processes import KINDS

_USUAL = ("loop", "udf", "replay", "spark")


def print_whole(options: BenchOptions) -> None:
    """Print whole commands over three sizes of one table."""
    sizes = (options.rows // 40, options.rows // 4, options.rows)
    print_commands(ids_case(options.directory), options.contenders or _USUAL, sizes, options.repeats)


def print_commands(case: Case, names: Sequence[str], sizes: Sequence[int], repeats: int) -> Costs:
    """Print whole commands over a case, their rates at the margin, and how `replay run` stands to its peers."""
    say(f"\nWhole commands: {case.title}; two task slots, least of {repeats}; CPU seconds of all processes")
    commands = {name: CONTENDERS[name].make(case) for name in names}
    costs = compete(commands, sizes, repeats)
    for line in table(costs):
        say(line)
    ours = [name for name in costs.spent if name not in ("loop", "udf")]
    for name in ours:
        for peer in ("loop", "udf", "replay"):
            if peer in costs.spent and peer != name:
                _print_times(costs, name, peer)
    for name in ours:
        _print_work(costs, name)
    if "replay" in ours and len(costs.sizes) > 2:
        clock, cpu = costs.growth("replay")
        less, middle, more = costs.sizes[0], costs.sizes[-2], costs.sizes[-1]
        say(f"  replay run: ten times the rows take {10 * clock:.1f} x the time, {10 * cpu:.1f} x the CPU seconds, by")
        say(f"    what a row takes between {middle:,} and {more:,} rows over one between {less:,} and {middle:,}")
    return costs


def _print_times(costs: Costs, name: str, peer: str) -> None:
    clock, cpu = costs.times(name, peer)
    mine, theirs = (CONTENDERS[each].title for each in (name, peer))
    say(f"  {mine} is {clock:.2f} x {theirs} at the margin, {cpu:.2f} x by CPU seconds")
    if peer == "loop":
        all_in = costs.spent[name][costs.sizes[-1]].total_cpu / costs.spent[peer][costs.sizes[-1]].total_cpu
        say(f"    and takes {all_in:.1f} x its CPU seconds over {costs.sizes[-1]:,} rows, start-up in both")


def _print_work(costs: Costs, name: str) -> None:
    rows = costs.sizes[-1]
    cpu = costs.spent[name][rows].cpu
    shown = ", ".join(f"{kind} {cpu[kind]:.1f}" for kind in KINDS)
    say(f"  {CONTENDERS[name].title}: CPU seconds over {rows:,} rows by process: {shown}")
