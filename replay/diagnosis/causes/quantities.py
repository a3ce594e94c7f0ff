"""The number that explains most, found from the scores themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.causes.hypothesis import Hypothesis

if TYPE_CHECKING:
    from replay.diagnosis.causes.counterfactual import CounterfactualReplay

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MOST_ROWS = 60
"""Rows that a number is fitted to."""

_ROUNDS = 6
_POINTS = 9
_WINDOW = 0.5  # steps of the grid; a straight line is off by less
_REACH = 0.75
_KEPT = 0.4


def zoom(
    counterfactual: CounterfactualReplay, make: Callable[[float], Hypothesis], grid: Floats, rows: Integers
) -> float | None:
    """Narrow a grid down to the number on which most rows agree.

    Between two neighbours of the grid whose replayed scores lie on both sides of the online score, some number gives
    the online score itself; a straight line says where. A cause has one number for all rows, so the narrow stretch that
    holds the numbers of most rows is gridded again, until no digit moves.

    Args:
        counterfactual: Replays.
        make: The hypothesis of a number.
        grid: Ascending.
        rows: ``(k,)`` mismatched rows, at most ``MOST_ROWS``.

    Returns:
        The number; None where no row passes its online score.
    """
    centre, best = 0.0, 0
    for _ in range(_ROUNDS):
        scores = counterfactual.predict([make(float(point)) for point in grid], rows)
        found = _crossings(scores - counterfactual.online[rows][None, :])
        if not len(found):
            break
        index, count = _densest(found, _WINDOW)
        if count < _KEPT * best:
            break  # the grid is finer than the noise of the scores
        left = min(int(index), len(grid) - 2)
        spacing = float(grid[left + 1] - grid[left])
        centre, best = float(grid[left] + (index - left) * spacing), max(best, count)
        if spacing <= 1e-9 * max(abs(centre), 1e-9):
            break
        grid = centre + np.linspace(-_REACH, _REACH, _POINTS) * spacing
    return centre if best else None


def rounded(number: float, most_digits: int) -> list[float]:
    """A number with 1 digit, 2 digits, and so on.

    >>> rounded(0.3725, 3)
    [0.4, 0.37, 0.372]
    """
    return [float(f"{number:.{digits}g}") for digits in range(1, most_digits + 1)]


def _crossings(away: Floats) -> Floats:
    """Where each row's score passes its online score, in steps of the grid, sorted.

    Args:
        away: ``(len(grid), num_rows)``, replayed - online.
    """
    before, after = away[:-1], away[1:]
    with np.errstate(all="ignore"):
        passes = np.isfinite(before) & np.isfinite(after) & (before * after <= 0) & (before != after)
        share = before / (before - after)
    points = np.arange(len(before))[:, None] + share
    return np.sort(points[passes])


def _densest(points: Floats, width: float) -> tuple[float, int]:
    """Median of the points in the window of a width that holds the most of them, and their number."""
    ends = np.searchsorted(points, points + width, side="right")
    counts = ends - np.arange(len(points))
    first = int(np.argmax(counts))
    return float(np.median(points[first : int(ends[first])])), int(counts[first])
