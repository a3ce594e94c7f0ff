"""The number that makes most scores what online answered, found from the scores themselves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_ROUNDS = 6
_POINTS = 9
_WINDOW = 0.5  # steps of the grid; a straight line is off by less
_REACH = 0.75
_KEPT = 0.4


def fit_number(scores_at: Callable[[Floats], Floats], online: Floats, grid: Floats) -> float | None:
    """Narrow a grid down to the number on which most rows agree.

    Between two neighbours of the grid whose replayed scores lie on both sides of the online score, some number gives
    the online score itself; a straight line says where. What rows have in common is one number, so the narrow stretch
    that holds the numbers of most rows is gridded again, until no digit moves.

    Args:
        scores_at: From ``(num_points,)`` numbers to ``(num_points, num_rows)`` scores.
        online: ``(num_rows,)``.
        grid: Ascending.

    Returns:
        The number; None where no row passes its online score.

    >>> fit_number(lambda points: 2.0 * points[:, None] + np.array([0.0, 1.0]), np.array([3.0, 4.0]), np.arange(4.0))
    1.5
    """
    centre, best = 0.0, 0
    for _ in range(_ROUNDS):
        found = _crossings(scores_at(grid) - online[None, :])
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
