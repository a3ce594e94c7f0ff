"""Event times that lie far from all others: they stand for something else, and no axis is drawn to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from replay.report.summary import TimeOutliers

_FEWEST = 10
"""Rows; of fewer, none is out of the ordinary."""
_TAIL = 100
"""One row in so many, on either side, may have a time that is not meant."""
_FAR = 20
"""A gap of so many times what all other rows span parts times that are not meant from the others."""
_NEAR = timedelta(days=1)
"""A shorter gap never does."""


def usual_starts(rows: Mapping[datetime, int]) -> tuple[datetime, datetime] | None:
    """The first and the last bucket but for those that lie far from all others: times that stand for something else.

    Such a time is an "unknown" (0001-01-01), a "never" (9999-12-31) or of a broken clock. What is far depends on how
    long the rest takes, and it is left out only where it is of few rows.

    Args:
        rows: Rows by a bucket's start.

    Returns:
        None without any bucket.
    """
    starts = sorted(rows)
    if not starts:
        return None
    counts = [max(rows[start], 1) for start in starts]
    if sum(counts) < _FEWEST:
        return starts[0], starts[-1]
    few = max(sum(counts) // _TAIL, 1)
    low, high = _inner(counts, few), len(counts) - 1 - _inner(counts[::-1], few)
    if low > high:
        return starts[0], starts[-1]
    gap = max((starts[high] - starts[low]) * _FAR, _NEAR)
    while low and starts[low] - starts[low - 1] <= gap:
        low -= 1
    while high + 1 < len(starts) and starts[high + 1] - starts[high] <= gap:
        high += 1
    return starts[low], starts[high]


def _inner(counts: Sequence[int], few: int) -> int:
    """The first place that is left where at most a few rows are cut off before it."""
    seen = 0
    for place, amount in enumerate(counts):
        seen += amount
        if seen > few:
            return place
    return len(counts) - 1


def find_outliers(rows: Mapping[datetime, int]) -> TimeOutliers | None:
    """Count the rows whose time lies far from all others; None where there are none.

    Args:
        rows: Rows by a bucket's start.
    """
    usual = usual_starts(rows)
    outside = [] if usual is None else sorted(start for start in rows if not usual[0] <= start <= usual[1])
    if usual is None or not outside:
        return None
    return TimeOutliers(sum(rows[start] for start in outside), outside[0], outside[-1], *usual)
