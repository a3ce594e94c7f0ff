"""Every kind of feature, together and alone, beside the careful loop."""

from __future__ import annotations

import numpy as np

from tests.bench.alone import ScoringAlone
from tests.bench.case import Case, kinds_case
from tests.bench.loop import Loop, pieces
from tests.bench.options import BenchOptions, say
from tests.bench.parts.whole import print_commands
from tests.bench.timing import least_cpu

TOLERANCE = 1e-5
_LEAST_SHARE = 0.6
"""Of the loop, for a kind alone."""


def print_kinds(options: BenchOptions) -> None:
    """Print what scoring alone reaches of the loop, for all kinds and for each; then whole commands over all."""
    case, rows = kinds_case(options.directory), options.rows // 8
    say(f"\nKinds of features, scoring alone in one process; {rows:,} rows, CPU seconds, least of {options.repeats}")
    say(f"  {'':10} {'loop':>7} {'engine':>7} {'of the loop':>12}")
    for each in (case, *map(case.alone, case.kinds)):
        loop, engine = share_of_loop(each, rows, options.repeats)
        name, target = ("together", "") if each is case else (each.title, f"   (target: {_LEAST_SHARE})")
        say(f"  {name:10} {loop:7.2f} {engine:7.2f} {loop / engine:12.2f}{target}")
    sizes = (options.rows // 8, options.rows // 2)
    print_commands(case, options.contenders or ("loop", "replay"), sizes, options.repeats)


def share_of_loop(case: Case, rows: int, repeats: int) -> tuple[float, float]:
    """CPU seconds of the loop and of the engine's scoring alone, each in this process and one thread.

    Raises:
        ValueError: Their scores differ: the loop would be no measure.
    """
    traffic = case.table(rows)
    engine, loop, work = ScoringAlone(case.config(traffic)), Loop(case), pieces(traffic)
    found: dict[str, np.ndarray] = {}

    def by_loop() -> None:
        found["loop"] = np.concatenate([scores.column("score").to_numpy() for scores in loop.scores(work)])

    def by_engine() -> None:
        batches = [scores.column("prod").to_numpy(zero_copy_only=False) for scores in engine.scores()]
        found["engine"] = np.concatenate(batches)

    least = least_cpu({"loop": by_loop, "engine": by_engine}, repeats)
    # A rejected row has no score, which no tolerance forgives.
    if not np.allclose(found["loop"], found["engine"], rtol=0, atol=TOLERANCE):
        raise ValueError(f"{case.name}: the loop's scores are not the engine's")
    return least["loop"], least["engine"]
