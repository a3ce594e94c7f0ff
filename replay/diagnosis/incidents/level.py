"""What is normal: the level of a per-row value where all is quiet, and how much it varies beyond chance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.incidents.robust_level import RobustLevel, find_robust_level

_FEWEST_BLOCKS = 16
_MOST_BLOCKS = 256
_EVENTS_A_BLOCK = 25
_JOINED = 8
_CLEAR_INFLATION = 1.3
_CLEAR_DRIFT = 1.8
_LEAST_LOW = 0.1
_APART = 2  # blocks; stretches that are closer are one
_MOST_STRETCHES = 6
_INCIDENTS = 3


@dataclass(frozen=True)
class Level:
    """The quiet level of a value, and its variation in time.

    Attributes:
        mean: Mean per row over the quiet blocks.
        inflation: Variance of the sums of short blocks over what was expected, at least 1.
        drift: Standard deviation of the level itself over long blocks, beyond that.
        quiet: ``(num_cells,)`` bool, cells of quiet blocks.
    """

    mean: float
    inflation: float
    drift: float
    quiet: NDArray[np.bool_]


@dataclass(frozen=True)
class _Blocks:
    num: NDArray[np.float64]
    total: NDArray[np.float64]
    of_cell: NDArray[np.int64]

    @property
    def mean(self) -> NDArray[np.float64]:
        return self.total / self.num


def measure_level(
    num: NDArray[np.float64],
    total: NDArray[np.float64],
    variance: float,
    *,
    at_most: float = np.inf,
    with_bursts: bool = True,
    cluster: Callable[[NDArray[np.bool_]], float] | None = None,
) -> Level | None:
    """The level over the quiet blocks of a series of cells.

    Args:
        num: ``(num_cells,)`` rows.
        total: ``(num_cells,)`` sums of the value.
        variance: Expected variance of a sum per row (the clustering of rows included); 0 for "equal to the mean", as
            a count of rare events.
        at_most: A level above this is not normal: only the blocks below it can be quiet.
        cluster: Of a count, the rows of the event that a row is in, by ``(num_cells,)`` quiet cells; None for 1.
        with_bursts: Whether many stretches that stand out are a part of the level.

    Returns:
        None where no level is normal, because nearly all blocks lie above ``at_most``.
    """
    rough = _cut(num, total, _FEWEST_BLOCKS * 2)
    events = num.sum() * (float(np.median(rough.mean)) if variance == 0.0 else 1.0)
    blocks = _cut(num, total, int(np.clip(events / _EVENTS_A_BLOCK, _FEWEST_BLOCKS, _MOST_BLOCKS)))
    robust = _quiet_blocks(blocks, variance, at_most, cluster)
    if robust is None:
        return None
    quiet = _with_scattered(robust.quiet) if with_bursts else robust.quiet
    rows, sums = blocks.num[quiet], blocks.total[quiet]
    mean = float(sums.sum() / rows.sum())
    per_row = variance or max(mean, 1.0 / float(rows.sum()))
    inflation = float(np.mean((sums - mean * rows) ** 2 / (rows * per_row)))
    inflation = inflation if inflation > _CLEAR_INFLATION else 1.0
    drift = _drift(rows, sums, mean, per_row * inflation)
    return Level(mean, inflation, drift, quiet[blocks.of_cell])


def _with_scattered(quiet: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The quiet blocks, and those that stand out where these are many stretches, but for the longest three.

    An incident is a stretch or two. Bursts all over the time are how this traffic is: they are a part of its level, and
    of how much that varies.
    """
    loud = np.flatnonzero(~quiet)
    stretches = np.split(loud, np.flatnonzero(np.diff(loud) > _APART) + 1) if len(loud) else []
    if len(stretches) <= _MOST_STRETCHES:
        return quiet
    found = quiet.copy()
    for stretch in sorted(stretches, key=len)[:-_INCIDENTS]:
        found[stretch] = True
    return found


def _cut(num: NDArray[np.float64], total: NDArray[np.float64], most: int) -> _Blocks:
    """Cells joined to blocks of about as many rows each; cells without rows go with their neighbours."""
    before = np.cumsum(num) - num
    index = np.minimum((before * most / max(1.0, num.sum())).astype(np.int64), most - 1)
    _, of_cell = np.unique(index, return_inverse=True)
    block_num = np.bincount(of_cell, weights=num).astype(np.float64)
    block_total = np.bincount(of_cell, weights=total).astype(np.float64)
    return _Blocks(np.maximum(block_num, 1.0), block_total, of_cell)


def _quiet_blocks(
    blocks: _Blocks, variance: float, at_most: float, cluster: Callable[[NDArray[np.bool_]], float] | None
) -> RobustLevel | None:
    typical, usual = float(np.median(blocks.num)), float(np.median(blocks.mean))
    per_row = variance or max(usual, 1.0 / float(blocks.num.sum()))
    robust = find_robust_level(blocks.mean, float(np.sqrt(per_row / typical)))
    event = 1.0 if cluster is None or variance else cluster(robust.quiet[blocks.of_cell])
    if usual * typical < event:
        # Most blocks are without an event where up to log(2) are expected in each: none is not what is normal then.
        robust = find_robust_level(blocks.mean, float(np.sqrt(np.log(2.0))) * event / typical)
    if robust.center <= at_most:
        return robust
    low = blocks.mean <= at_most
    if low.mean() < _LEAST_LOW:
        return None
    return RobustLevel(float(blocks.mean[low].mean()), float(blocks.mean[low].std()), low)


def _drift(rows: NDArray[np.float64], sums: NDArray[np.float64], mean: float, per_row: float) -> float:
    """Standard deviation of the level over eight joined blocks, beyond what the sums' own variance gives."""
    groups = np.arange(len(rows)) // _JOINED
    joined_rows, joined_sums = np.bincount(groups, weights=rows), np.bincount(groups, weights=sums)
    if len(joined_rows) < _JOINED:
        return 0.0
    seen = float(np.mean((joined_sums / joined_rows - mean) ** 2))
    chance = float(np.mean(per_row / joined_rows))
    return float(np.sqrt(max(0.0, seen - chance))) if seen > _CLEAR_DRIFT * chance else 0.0
