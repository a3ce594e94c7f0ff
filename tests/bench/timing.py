"""Rates that other work on the machine disturbs as little as can be: contenders in turns, and minima."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tests.bench.processes import living_seconds


@dataclass(frozen=True)
class Cost:
    """What a run took.

    Attributes:
        wall: Seconds, as the contender itself measures them.
        cpu: Seconds of all cores, of every process below this one.
    """

    wall: float
    cpu: float


@dataclass(frozen=True)
class Rate:
    """Rows a second between a small and a large run, so that start-up cancels.

    Attributes:
        wall: By the clock.
        cpu: By seconds of a core; other work on the machine hardly moves it.
    """

    wall: float
    cpu: float


def measure(run: Callable[[int], float], rows: int) -> Cost:
    """Run once over so many rows."""
    before, ended = living_seconds(), _ended()
    wall = run(rows)
    # One by one: Spark's idle workers end at any time, and their seconds with them.
    living = sum(seconds - before.get(pid, 0.0) for pid, seconds in living_seconds().items())
    return Cost(wall, living + _ended() - ended)


def marginal(small: list[Cost], large: list[Cost], rows: int) -> Rate:
    """Rate of so many more rows, from the least that each size took; NaN where the large size took less."""

    def more(cost: Callable[[Cost], float]) -> float:
        seconds = min(map(cost, large)) - min(map(cost, small))
        return rows / seconds if seconds > 0 else math.nan

    return Rate(more(lambda cost: cost.wall), more(lambda cost: cost.cpu))


def compete(
    contenders: Mapping[str, Callable[[int], float]], small: int, large: int, repeats: int
) -> Iterator[tuple[str, Rate | Exception]]:
    """Measure every contender, in turns; one that fails gives its exception, and the others go on.

    Args:
        contenders: By name; each takes a number of rows and returns its seconds.
        small: Rows of the small run.
        large: Rows of the large run.
        repeats: Turns.
    """
    costs: dict[str, tuple[list[Cost], list[Cost]]] = {name: ([], []) for name in contenders}
    failed: dict[str, Exception] = {}
    for turn in range(repeats):
        for name, run in contenders.items():
            try:
                if name not in failed:
                    if turn == 0:
                        run(small)  # workers started, model open, files in the page cache
                    costs[name][0].append(measure(run, small))
                    costs[name][1].append(measure(run, large))
            except Exception as error:
                failed[name] = error
    for name, (less, more) in costs.items():
        yield name, failed.get(name) or marginal(less, more, large - small)


def least_cpu(contenders: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """CPU seconds of this process that each contender takes: the least of some turns, after one that does not count."""
    least: dict[str, float] = {}
    for turn in range(repeats + 1):
        for name, run in contenders.items():
            start = time.process_time()
            run()
            seconds = time.process_time() - start
            if turn:
                least[name] = min(least.get(name, seconds), seconds)
    return least


def _ended() -> float:
    """Seconds of a core of this process's own children that have ended."""
    own = os.times()
    return own.children_user + own.children_system
