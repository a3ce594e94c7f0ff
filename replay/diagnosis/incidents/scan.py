"""The scan: every window of a multi-scale grid, in every slice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.incidents.likelihood import Model

_OVERLAP = 4


@dataclass(frozen=True)
class Peak:
    """The window of cells and the slice with most evidence.

    Attributes:
        exponent: Evidence in nats.
        index: Which slice of the slicing.
        first: First cell.
        last: One past the last cell.
        baseline: The slice's quiet level.
    """

    exponent: float
    index: int
    first: int
    last: int
    baseline: float


def window_lengths(num_cells: int) -> Iterator[int]:
    """1, 2, 3, 4, 6, 8, 12, 16, ... and all cells.

    >>> list(window_lengths(10))
    [1, 2, 3, 4, 6, 8, 10]
    """
    power = 1
    while power < num_cells:
        yield power
        if power >= 2 and power * 3 // 2 < num_cells:
            yield power * 3 // 2
        power *= 2
    yield num_cells


def window_starts(num_cells: int, length: int) -> NDArray[np.int64]:
    """Starts a quarter of the length apart, so that some window overlaps any incident well; the last one included."""
    last = num_cells - length
    return np.unique(np.append(np.arange(0, last + 1, max(1, length // _OVERLAP), dtype=np.int64), last))


def count_windows(num_cells: int) -> int:
    """How many windows the grid has.

    >>> count_windows(3)
    6
    """
    return sum(len(window_starts(num_cells, length)) for length in window_lengths(num_cells))


def find_peak(num: NDArray[np.float64], total: NDArray[np.float64], model: Model, longest: int | None = None) -> Peak:
    """The best window and slice.

    Args:
        num: ``(num_cells, num_slices)`` rows.
        total: ``(num_cells, num_slices)`` sums of the model's value.
        model: What the sums mean.
        longest: Cells of a window, at most.
    """
    baseline = model.baselines(num, total)
    rows, sums = _summed(num), _summed(total)
    best = Peak(0.0, 0, 0, len(num), float(baseline[0]))
    for length in window_lengths(len(num)):
        if longest is not None and length > longest:
            break
        starts = window_starts(len(num), length)
        in_rows, in_sums = rows[starts + length] - rows[starts], sums[starts + length] - sums[starts]
        found = model.exponent(in_rows, in_sums, np.broadcast_to(baseline, in_rows.shape))
        index = int(np.argmax(found))
        window, which = divmod(index, num.shape[1])
        if found[window, which] > best.exponent:
            first = int(starts[window])
            best = Peak(float(found[window, which]), which, first, first + length, float(baseline[which]))
    return best


def disjoint_exponents(
    num: NDArray[np.float64],
    total: NDArray[np.float64],
    model: Model,
    capped: Callable[[int, int], NDArray[np.float64]] | None = None,
) -> Iterator[NDArray[np.float64]]:
    """By length of the grid: evidence of windows side by side, ``(num_windows, num_slices)``.

    Args:
        num: ``(num_cells, num_slices)`` rows.
        total: ``(num_cells, num_slices)`` sums of the model's value.
        model: What the sums mean.
        capped: The sums that count, ``(num_windows, num_slices)``, by length and number of windows; ``total``'s if
            None.
    """
    baseline = model.baselines(num, total)
    rows, sums = _summed(num), _summed(total)
    for length in window_lengths(len(num)):
        edges = np.arange(0, len(num) + 1, length)
        in_rows, in_sums = np.diff(rows[edges], axis=0), np.diff(sums[edges], axis=0)
        if capped is not None:
            in_sums = np.minimum(in_sums, capped(length, len(in_sums)))
        yield model.exponent(in_rows, in_sums, np.broadcast_to(baseline, in_rows.shape))


def _summed(table: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([np.zeros((1, table.shape[1])), np.cumsum(table, axis=0)])
