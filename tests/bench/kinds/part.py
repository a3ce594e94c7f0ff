"""The bench's part ``kinds``: every kind of feature, together and alone, beside the careful loop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.bench.alone import ScoringAlone
from tests.bench.kinds.case import KINDS, KindsCase
from tests.bench.kinds.loop import KindsLoop
from tests.bench.timing import least_cpu

TOLERANCE = 1e-5
_LEAST_SHARE = 0.6
"""Of the loop, for a kind alone."""


def share_of_loop(case: KindsCase, rows: int, repeats: int) -> tuple[float, float]:
    """CPU seconds of the loop and of the engine's scoring alone, each in this process and one thread.

    Raises:
        ValueError: Their scores differ: the loop would be no measure.
    """
    engine = ScoringAlone(case.config(rows))
    loop, paths = KindsLoop(case), sorted(case.table(rows).glob("*.parquet"))
    found: dict[str, np.ndarray] = {}

    def by_loop() -> None:
        found["loop"] = np.concatenate([table.column("score").to_numpy() for table in loop.scores(paths)])

    def by_engine() -> None:
        batches = [batch.column("prod").to_numpy(zero_copy_only=False) for batch in engine.scores()]
        found["engine"] = np.concatenate(batches)

    least = least_cpu({"loop": by_loop, "engine": by_engine}, repeats)
    # A rejected row has no score, which no comparison forgives.
    if not np.allclose(found["loop"], found["engine"], rtol=0, atol=TOLERANCE):
        raise ValueError(f"{case.name}: the loop's scores are not the engine's")
    return least["loop"], least["engine"]


def print_shares(rows: int, directory: Path, repeats: int, say: Callable[[str], None]) -> None:
    """Print what scoring alone reaches of the loop, for all kinds together and for each of them."""
    say(f"\nKinds of features, scoring alone in one process, {rows:,} rows, CPU seconds, least of {repeats}")
    say(f"  {'':10} {'loop':>7} {'engine':>7} {'of the loop':>12}")
    for names in (None, *((kind.name,) for kind in KINDS)):
        case = KindsCase(directory) if names is None else KindsCase(directory, names)
        loop, engine = share_of_loop(case, rows, repeats)
        target = "" if names is None else f"   (target: {_LEAST_SHARE})"
        say(f"  {case.name:10} {loop:7.2f} {engine:7.2f} {loop / engine:12.2f}{target}")
