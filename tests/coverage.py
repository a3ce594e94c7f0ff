"""How often 95% intervals hold the truth, by simulation: ``python -m tests.coverage``, in full some 20 minutes.

A world has 200,000 rows whose true rates, scores of a baseline and scores of a variant are known, so that the truth of
every metric is a sum over them. A table draws rows of it (with replacement) and their labels; a cell counts in how many
tables the interval holds the truth. Nothing of what computes the truth is shared with what computes the metrics.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, ndtr

from replay.metrics.metric import METRICS, changed_metrics

WORLD = 200_000


@dataclass(frozen=True)
class Cell:
    """A kind of table.

    Attributes:
        rows: Rows of a table.
        positives: Expected positives.
        kind: plain, ties (scores of one digit), weights (exponential), or groups (of ``size`` rows that share half of
            what makes their rate, and half of the luck of their labels).
        size: Rows of a group.
        slope: Of the true rates' logit: how well rows can be told apart.
        most: Tables at most, where each takes long.
    """

    rows: int
    positives: float
    kind: str = "plain"
    size: int = 10
    slope: float = 1.2
    most: int = 2_000

    def __str__(self) -> str:
        kind = f"{self.rows // self.size:,} groups of {self.size}" if self.kind == "groups" else self.kind
        fewer = f" ({self.most})" if self.most < 2_000 else ""
        return f"{self.rows:,} | {self.positives:g} | {kind}{', AUC above 0.9' if self.slope > 2 else ''}{fewer}"


_GROUPS = ((100, 40), (300, 60), (1_000, 100), (10_000, 500))
CELLS = (
    *(Cell(30, positives) for positives in (6, 10, 15)),
    *(Cell(100, positives) for positives in (5, 8, 20, 50)),
    *(Cell(1_000, positives) for positives in (5, 8, 20, 100)),
    *(Cell(10_000, positives) for positives in (5, 20)),
    Cell(10_000, 200, most=500),
    *(Cell(100_000, positives, most=200) for positives in (20, 1_000)),
    *(Cell(rows, positives, "ties") for rows, positives in ((100, 8), (1_000, 20), (10_000, 200))),
    *(Cell(rows, positives, "weights") for rows, positives in ((100, 20), (1_000, 40))),
    Cell(10_000, 400, "weights", most=500),
    *(Cell(rows, positives, "groups", most=500) for rows, positives in _GROUPS),
    Cell(2_000, 400, "groups", size=100, most=500),
    *(Cell(rows, positives, slope=3.0, most=500) for rows, positives in ((100, 8), (1_000, 20), (10_000, 200))),
)
SMALL = (Cell(100, 8), Cell(1_000, 20), Cell(300, 60, "groups", most=500))


class World:
    """Rows with their true rate and two scores, in ascending order of what makes the rate."""

    def __init__(self, cell: Cell) -> None:
        rng = np.random.default_rng(7)
        hidden = np.sort(rng.normal(size=WORLD))
        low, high = -30.0, 10.0
        for _ in range(60):
            base = (low + high) / 2
            low, high = (
                (base, high) if expit(base + cell.slope * hidden).mean() < cell.positives / cell.rows else (low, base)
            )
        self.rate = expit(base + cell.slope * hidden)
        logits = base + 0.8 * cell.slope * hidden + 0.2
        changed = logits + 0.5 * rng.normal(size=WORLD) - 0.1
        if cell.kind == "ties":
            logits, changed = np.round(logits), np.round(changed)
        self.baseline, self.variant = expit(logits), expit(changed)
        self.truth = dict(self._truths())

    def _truths(self) -> Iterator[tuple[str, float]]:
        first, second = (quality(score, self.rate) for score in (self.baseline, self.variant))
        yield from first.items()
        for name, metric in changed_metrics().items():
            change = second[metric.name] - first[metric.name]
            yield name, -change if name == "auc_drop" else change

    def draw(self, cell: Cell, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Scores of the variant and of the baseline, labels, weights or None, groups or None."""
        rows = cell.rows
        place, luck = rng.random(rows), rng.random(rows)
        weight = rng.exponential(size=rows) if cell.kind == "weights" else None
        group = None
        if cell.kind == "groups":
            group = np.repeat(rng.integers(0, 2**62, rows // cell.size), cell.size)
            place, luck = (
                ndtr((np.repeat(rng.normal(size=rows // cell.size), cell.size) + rng.normal(size=rows)) / np.sqrt(2))
                for _ in range(2)
            )
        row = np.minimum((place * WORLD).astype(int), WORLD - 1)
        return self.variant[row], self.baseline[row], (luck < self.rate[row]).astype(float), weight, group


def quality(score: np.ndarray, rate: np.ndarray) -> dict[str, float]:
    """Every metric of rows that are positive at a rate."""
    base = rate.mean()
    loss = -(rate * np.log(score) + (1 - rate) * np.log1p(-score)).mean()
    place = np.unique(score, return_inverse=True)[1]
    above, below = np.bincount(place, weights=rate), np.bincount(place, weights=1 - rate)
    tenths = np.minimum(((np.cumsum(np.bincount(place)) - np.bincount(place) / 2) / score.size * 10).astype(int), 9)[
        place
    ]
    sums = [np.bincount(tenths, weights=column, minlength=10) for column in (np.ones(score.size), score, rate)]
    weight, scores, rates = (column[sums[0] > 0] for column in sums)
    return {
        "auc": float(np.dot(above, np.cumsum(below) - below / 2) / above.sum() / below.sum()),
        "logloss": loss,
        "ne": loss / -(base * np.log(base) + (1 - base) * np.log1p(-base)),
        "calibration": score.mean() / base,
        "log_mae": float(np.dot(weight, np.abs(np.log(scores / rates))) / score.size),
    }


@dataclass
class Found:
    """What a cell found of one metric.

    Attributes:
        tables: Tables.
        shown: Those with an interval.
        held: Those whose interval holds the truth.
        below: Those whose interval ends below the truth.
        bias: Sum of value - truth over tables with an interval.
    """

    tables: int = 0
    shown: int = 0
    held: int = 0
    below: int = 0
    bias: float = 0.0

    @property
    def coverage(self) -> float:
        """Share of the intervals that hold the truth; NaN where none is shown."""
        return self.held / self.shown if self.shown else float("nan")


def simulate(cell: Cell, tables: int, seed: int = 0) -> dict[str, Found]:
    """Draw tables and measure them."""
    world = World(cell)
    rng = np.random.default_rng([seed, cell.rows, int(cell.positives), len(cell.kind)])
    found = {name: Found() for name in world.truth}
    for _ in range(tables):
        variant, baseline, label, weight, group = world.draw(cell, rng)
        measured = {name: metric.measure(baseline, label, weight, group) for name, metric in METRICS.items()}
        for name, metric in changed_metrics().items():
            measured[name] = metric.measure_change(variant, baseline, label, weight, group)
        for name, value in measured.items():
            entry, truth = found[name], world.truth[name]
            entry.tables += 1
            if value.low is not None and value.high is not None and value.value is not None:
                entry.shown += 1
                entry.held += value.low <= truth <= value.high
                entry.below += value.high < truth
                entry.bias += value.value - truth
    return found


def text_of(entry: Found) -> str:
    """Coverage in per cent, with the share of tables that have an interval where some have none."""
    share = entry.shown / entry.tables
    if share < _FEW:
        return "none"
    return f"{100 * entry.coverage:.1f}" + ("" if share > _MOST else f" ({100 * share:.0f})")


_FEW, _MOST = 0.2, 0.98


def main() -> int:
    """Write the table of the docs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=2000, help="simulated tables of a cell at most")
    parser.add_argument("--small", action="store_true", help="three cells alone")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    names = (*METRICS, *changed_metrics())
    sys.stdout.write(f"| rows | positives | kind | {' | '.join(names)} |\n|{'---:|' * (3 + len(names))}\n")
    shown: list[float] = []
    for cell in SMALL if given.small else CELLS:
        found = simulate(cell, min(given.tables, cell.most), given.seed)
        texts = [text_of(found[name]) for name in names]
        shown += [found[name].coverage for name, text in zip(names, texts, strict=True) if text != "none"]
        sys.stdout.write(f"| {cell} | {' | '.join(texts)} |\n")
        sys.stdout.flush()
    inside = sum(0.93 <= coverage <= 0.97 for coverage in shown)
    below = sum(coverage < 0.93 for coverage in shown)
    sys.stdout.write(
        f"\n{inside} of {len(shown)} within 93% to 97%, {below} below, {len(shown) - inside - below} above\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
