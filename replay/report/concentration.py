"""Where in time the mismatches lie: in a few runs of buckets, or evenly over the window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

NAMED_RUNS = 3
"""More runs than these are not named one by one."""

_FEWEST = 5  # mismatches: of fewer, no place in time can be told from chance
_CHANCE = 0.05
_WORTH_NAMING = 0.1  # of the largest run's mismatches; less is background
_MOST = 0.8
_CLEAR = 0.5
_SLIGHT = 0.1
_KUIPER_5_PERCENT = 1.747


class Shape(Enum):
    """How mismatches lie in time."""

    NONE = "none"
    EVEN = "even"
    LEANING = "leaning"
    CONCENTRATED = "concentrated"


@dataclass(frozen=True)
class MismatchRun:
    """Buckets ``[first, last]`` and what they hold."""

    first: int
    last: int
    compared: int
    mismatched: int


@dataclass(frozen=True)
class Concentration:
    """How the mismatches lie, and the runs that hold most of them, in order of time."""

    shape: Shape
    runs: tuple[MismatchRun, ...] = ()
    mismatched_share: float = 0.0
    """Share of all mismatches that lie in the runs."""
    compared_share: float = 0.0
    """Share of all rows that do."""
    outside_rate: float | None = None
    """Mismatch rate outside the runs; None where there is no row."""


def concentrate(compared: Sequence[int], mismatched: Sequence[int]) -> Concentration:
    """Find the shortest runs of buckets that hold most of the mismatches.

    The best run has the largest surplus: its share of the mismatches less its share of the rows. That surplus is
    Kuiper's statistic V (Kuiper 1960), so that mismatches count as evenly spread where V could be chance (Stephens
    1970, 5 %) or is below 0.1; of fewer than five nothing is said. Where the best run has clean stretches in it, it is
    cut into up to three runs.

    Args:
        compared: Rows by bucket.
        mismatched: Mismatched rows by bucket.

    >>> result = concentrate([100] * 60, [0] * 30 + [90, 95, 40] + [0] * 26 + [1])
    >>> result.shape.value, [(run.first, run.last) for run in result.runs], round(result.mismatched_share, 4)
    ('concentrated', [(30, 32)], 0.9956)
    >>> concentrate([100] * 60, [5] * 60).shape.value
    'even'
    """
    total, wrong = sum(compared), sum(mismatched)
    if not total or not wrong:
        return Concentration(Shape.NONE)
    if wrong < _FEWEST:
        return Concentration(Shape.NONE)
    best, surplus = _best_run(compared, mismatched, total, wrong)
    # All in one bucket: where that is no chance, buckets are just wide.
    held = [rows for rows, amount in zip(compared, mismatched, strict=True) if amount]
    alone = len(held) == 1 and len(mismatched) * (held[0] / total) ** wrong < _CHANCE
    if not alone and surplus < max(_SLIGHT, _by_chance(wrong)):
        return Concentration(Shape.EVEN)
    runs = _cut(compared, mismatched, best, wrong / total)
    inside, inside_wrong = sum(run.compared for run in runs), sum(run.mismatched for run in runs)
    return Concentration(
        shape=Shape.CONCENTRATED if alone or inside_wrong / wrong - inside / total >= _CLEAR else Shape.LEANING,
        runs=runs,
        mismatched_share=inside_wrong / wrong,
        compared_share=inside / total,
        outside_rate=(wrong - inside_wrong) / (total - inside) if total > inside else None,
    )


def _by_chance(wrong: int) -> float:
    """Surplus that `wrong` evenly spread mismatches exceed in 5 % of cases."""
    root = math.sqrt(wrong)
    return _KUIPER_5_PERCENT / (root + 0.155 + 0.24 / root)


def _best_run(compared: Sequence[int], mismatched: Sequence[int], total: int, wrong: int) -> tuple[MismatchRun, float]:
    """The run with the largest surplus; of equals the shortest."""
    level, floor, floor_at = 0.0, 0.0, -1
    best, first, last = -1.0, 0, 0
    for index, (rows, amount) in enumerate(zip(compared, mismatched, strict=True)):
        if level <= floor:
            floor, floor_at = level, index - 1
        level += amount / wrong - rows / total
        if level - floor > best + 1e-12:
            best, first, last = level - floor, floor_at + 1, index
    return _run(compared, mismatched, first, last), best


def _run(compared: Sequence[int], mismatched: Sequence[int], first: int, last: int) -> MismatchRun:
    return MismatchRun(first, last, sum(compared[first : last + 1]), sum(mismatched[first : last + 1]))


def _cut(compared: Sequence[int], mismatched: Sequence[int], best: MismatchRun, rate: float) -> tuple[MismatchRun, ...]:
    """Cut the window's hot runs out, or return the best run whole where there would be too many."""
    threshold = math.sqrt(rate * best.mismatched / best.compared)  # as many times the window's rate as below the run's
    scores = [amount - threshold * rows for rows, amount in zip(compared, mismatched, strict=True)]
    runs = [_run(compared, mismatched, first, last) for first, last in _maximal_segments(scores)]
    largest = max(run.mismatched for run in runs)
    kept = tuple(run for run in runs if run.mismatched >= _WORTH_NAMING * largest)
    held = sum(run.mismatched for run in kept)
    return kept if len(kept) <= NAMED_RUNS and held >= _MOST * best.mismatched else (best,)


def _maximal_segments(scores: Sequence[float]) -> list[tuple[int, int]]:
    """All maximal scoring subsequences (Ruzzo and Tompa 1999, whose example this is).

    >>> _maximal_segments([4, -5, 3, -3, 1, 2, -2, 2, -2, 1, 5])
    [(0, 0), (2, 2), (4, 10)]
    """
    segments: list[tuple[int, int, float, float]] = []  # first, last, sum before it, sum with it
    level = 0.0
    for index, score in enumerate(scores):
        before, level = level, level + score
        if score <= 0:
            continue
        segment = (index, index, before, level)
        while segments:
            at = next((i for i in range(len(segments) - 1, -1, -1) if segments[i][2] < segment[2]), None)
            if at is None or segments[at][3] >= segment[3]:
                break
            segment = (segments[at][0], segment[1], segments[at][2], segment[3])
            del segments[at:]
        segments.append(segment)
    return sorted((first, last) for first, last, _, _ in segments)
