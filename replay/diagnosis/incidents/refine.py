"""The boundaries of an incident, to the row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MARKS = 12  # per sign: powers of 4 of the severity
_PRIOR_ROWS = 5.0
_ROUNDS = 4
_GAP_SHARE = 0.05
_GAP_CLUSTERS = 5
_GAP_NATS = 15.0


@dataclass(frozen=True)
class Span:
    """A half-open range of positions among the rows of a slice."""

    first: int
    last: int

    def mask(self, num_rows: int) -> NDArray[np.bool_]:
        """``(num_rows,)`` bool: the positions in it."""
        inside = np.zeros(num_rows, dtype=np.bool_)
        inside[self.first : self.last] = True
        return inside


def best_span(evidence: NDArray[np.float64]) -> Span:
    """The range with the largest sum (Kadane's), by one pass of running minima.

    >>> best_span(np.array([-1.0, 2.0, -1.0, 3.0, -5.0, 1.0]))
    Span(first=1, last=4)
    """
    sums = np.concatenate([[0.0], np.cumsum(evidence)])
    lowest = np.minimum.accumulate(sums)
    last = int(np.argmax(sums - lowest))
    first = last - int(np.argmin(sums[last::-1]))
    return Span(first, last)


def marks(severity: NDArray[np.float64], delta: NDArray[np.float64]) -> NDArray[np.int8]:
    """What a row looks like: 0 for agreement, else the sign of its difference and how far it is off, by powers of 4.

    The size of a difference tells an incident's rows from background ones much better than the mismatch alone: missing
    features move a score by more than features logged a moment later.

    Args:
        severity: ``(num_rows,)``, over 1 is a mismatch.
        delta: ``(num_rows,)``, its sign is used; NaN counts as negative.

    Returns:
        ``(num_rows,)`` in 0..24.
    """
    size = np.zeros(len(severity), dtype=np.int8)
    bad = severity > 1.0
    size[bad] = np.minimum(np.log2(severity[bad]) / 2.0, _MARKS - 1).astype(np.int8) + 1
    return np.asarray(size + np.where(bad & (delta > 0), _MARKS, 0), dtype=np.int8)


def refine_marks(mark: NDArray[np.int8], start: Span, background: NDArray[np.float64], cluster: float = 1.0) -> Span:
    """The most likely range around a start.

    The log likelihood ratio of a row is ``log(inside[mark] / background[mark])``; the range that maximises its sum is
    found exactly, and ``inside`` is then measured again in it, until nothing changes.

    Args:
        mark: ``(num_rows,)`` marks of a stretch of the slice's rows.
        start: A first guess within the stretch.
        background: ``(num_marks,)`` shares of the marks where all is quiet.
        cluster: Rows that come together; a quiet gap must be that much longer to split the range.
    """
    span = start
    for _ in range(_ROUNDS):
        inside = mark_shares(mark[span.first : span.last], background)
        now = best_span(np.log(inside / background)[mark])
        if now == span or now.first == now.last:
            break
        span = now
    return _without_gap(mark, span, background, cluster)


def _without_gap(mark: NDArray[np.int8], span: Span, background: NDArray[np.float64], cluster: float) -> Span:
    """The best part, cut at gaps until there is none; its ends are affected rows."""
    while True:
        inside = mark_shares(mark[span.first : span.last], background)
        evidence = np.log(inside / background)[mark[span.first : span.last]]
        least_gap = max(int(_GAP_SHARE * len(evidence)), int(_GAP_CLUSTERS * cluster))
        part = longest_part(evidence, least_gap, _GAP_NATS * cluster)
        if part == Span(0, len(evidence)):
            return span
        span = Span(span.first + part.first, span.first + part.last)


def refine_mean(value: NDArray[np.float64], start: Span, center: float, variance: float) -> Span:
    """The same for a normal value whose mean differs: ``m (x - center) / v - m^2 / (2 v)``."""
    span = start
    for _ in range(_ROUNDS):
        shift = float(value[span.first : span.last].mean()) - center
        now = best_span((shift * (value - center) - shift**2 / 2.0) / variance)
        if now == span or now.first == now.last:
            break
        span = now
    return span


def mark_shares(mark: NDArray[np.int8], prior: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """``(num_marks,)`` shares, smoothed towards the prior (even, by default) by five rows."""
    num_marks = 2 * _MARKS + 1
    even = np.full(num_marks, 1.0 / num_marks) if prior is None else prior
    counts = np.bincount(mark, minlength=num_marks) + _PRIOR_ROWS * even
    return np.asarray(counts / counts.sum(), dtype=np.float64)


def longest_part(evidence: NDArray[np.float64], least_gap: int, least_against: float) -> Span:
    """The better part of a range that has a quiet gap; all of it without one.

    Two incidents with the same slice give one best window over both, when what is between costs less than the second
    one brings.

    Args:
        evidence: ``(num_rows,)`` log likelihood ratios within the range.
        least_gap: Rows that a gap has at least.
        least_against: Evidence in nats against the gap's being a part of the incident.
    """
    gap = best_span(-evidence)
    inside = gap.first > 0 and gap.last < len(evidence)
    against = -float(evidence[gap.first : gap.last].sum())
    if not inside or gap.last - gap.first < least_gap or against < least_against:
        return Span(0, len(evidence))
    if evidence[: gap.first].sum() >= evidence[gap.last :].sum():
        return Span(0, gap.first)
    return Span(gap.last, len(evidence))
