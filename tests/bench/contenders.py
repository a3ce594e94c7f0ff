"""Whole commands side by side: which there are, their costs by turns, and the table of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.bench.case import Case
from tests.bench.commands import Command, ReplayRun, WrongAnswer, by_hand, by_predict_batch_udf
from tests.bench.processes import CommandFailed, Spent
from tests.bench.what_ifs import ALL, FEW, SHARE, make_scenarios


@dataclass(frozen=True)
class Contender:
    """A whole command.

    Attributes:
        title: In tables.
        make: Makes the command over a case.
    """

    title: str
    make: Callable[[Case], Command]


CONTENDERS = {
    "loop": Contender("loop by hand", by_hand),
    "udf": Contender("predict_batch_udf", by_predict_batch_udf),
    "replay": Contender("replay run", ReplayRun),
    "spark": Contender(
        "replay run, Spark reader", lambda case: ReplayRun(case, "spark-reader", engine={"reader": "spark"})
    ),
    "few": Contender(
        f"replay run, {FEW} x {SHARE:.0%}",
        lambda case: ReplayRun(case, "few", scenarios=make_scenarios(case, FEW, SHARE)),
    ),
    "all": Contender(
        f"replay run, {ALL} x 100%", lambda case: ReplayRun(case, "all", scenarios=make_scenarios(case, ALL, 1.0))
    ),
}
"""By the names that the command line takes."""


@dataclass
class Costs:
    """What each contender took at each size, at the least.

    Attributes:
        sizes: Rows, in ascending order.
        spent: By contender and rows.
        failed: What went wrong, by contender.
    """

    sizes: tuple[int, ...]
    spent: dict[str, dict[int, Spent]] = field(default_factory=dict)
    failed: dict[str, Exception] = field(default_factory=dict)

    def margin(self, name: str, sizes: tuple[int, int] | None = None) -> tuple[float, float]:
        """Seconds by the clock and CPU seconds of a row between two sizes (default: the largest two)."""
        less, more = sizes or self.sizes[-2:]
        before, after = self.spent[name][less], self.spent[name][more]
        rows = more - less
        return (after.wall - before.wall) / rows, (after.total_cpu - before.total_cpu) / rows

    def times(self, name: str, other: str) -> tuple[float, float]:
        """How many times as fast one is as another at the margin: by the clock and by CPU seconds."""
        (wall, cpu), (other_wall, other_cpu) = self.margin(name), self.margin(other)
        return _ratio(other_wall, wall), _ratio(other_cpu, cpu)

    def growth(self, name: str) -> tuple[float, float]:
        """Seconds of a row between the largest two sizes over those between the smallest two."""
        (wall, cpu), (small_wall, small_cpu) = self.margin(name), self.margin(name, self.sizes[:2])
        return _ratio(wall, small_wall), _ratio(cpu, small_cpu)


def _ratio(part: float, whole: float) -> float:
    """NaN where other work on the machine made a large run faster than a small one."""
    return part / whole if part > 0 and whole > 0 else float("nan")


def compete(commands: Mapping[str, Command], sizes: Sequence[int], repeats: int) -> Costs:
    """Run commands in turns; one that fails is left out from there on.

    Args:
        commands: By name.
        sizes: Rows.
        repeats: Turns, after a run that does not count: it brings files into the page cache.
    """
    costs = Costs(tuple(sorted(sizes)))
    for turn in range(repeats + 1):
        for name, command in commands.items():
            try:
                if turn == 0:
                    command(costs.sizes[0])
                elif name not in costs.failed:
                    for rows in costs.sizes:
                        _keep_least(costs.spent.setdefault(name, {}), rows, command(rows))
            except (CommandFailed, WrongAnswer) as error:
                costs.failed[name] = error
                costs.spent.pop(name, None)
    return costs


def _keep_least(spent: dict[int, Spent], rows: int, found: Spent) -> None:
    known = spent.get(rows, found)
    cpu = min(known.cpu, found.cpu, key=lambda each: sum(each.values()))
    spent[rows] = Spent(min(known.wall, found.wall), cpu)


def table(costs: Costs) -> Iterable[str]:
    """The lines of a table: seconds of each size, and the rates at the margin."""
    yield f"  {'':26}" + "".join(f"{f'{rows:,} rows':>21}" for rows in costs.sizes) + f"{'margin':>22}"
    yield f"  {'':26}" + f"{'seconds':>11}{'CPU s':>10}" * len(costs.sizes) + f"{'rows/s':>12}{'rows/CPU s':>12}"
    for name, spent in costs.spent.items():
        seconds = "".join(f"{spent[rows].wall:11.1f}{spent[rows].total_cpu:10.1f}" for rows in costs.sizes)
        rates = "".join(f"{_rate(each):>12}" for each in costs.margin(name))
        yield f"  {CONTENDERS[name].title:26}{seconds}{rates}"
    for name, error in costs.failed.items():
        yield f"  {CONTENDERS[name].title:26} failed: {error}"


def _rate(seconds: float) -> str:
    return f"{1 / seconds:,.0f}" if seconds > 0 else "n/a"
