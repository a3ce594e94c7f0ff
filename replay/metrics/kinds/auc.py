"""Area under the ROC curve from a histogram of scores by class, with its influence and variance.

    AUC = sum over positives i and negatives j of w_i * w_j * psi(s_i, s_j) / (sum w_i * sum w_j)

where psi is 1 for s_i > s_j, 1/2 for a tie (and for two scores of one bin) and 0 else. The structural components of
DeLong, DeLong and Clarke-Pearson (1988), V10 of a positive and V01 of a negative, depend on a row's score alone, so
they are a table by bin, and the variance is a sum over bins, in O(bins) after the sort (Sun and Xu 2014).

Weights are taken as fixed (importance or sampling weights, not repeated rows):
``sum(w**2 (V10 - AUC)**2) / sum(w)**2 * m / (m - 1)`` over the m positives, and the same over the negatives. With
equal weights this is DeLong's variance to the digit.

Of few positives that variance is as unsure as it is small: at an AUC of 0.98 and five positives, intervals from it
alone cover 70%. So it is used as far as the sample can tell it. ``V(theta)`` is the variance that Hanley and McNeil
(1982) give for an AUC of theta, and the interval holds every theta that is as near to the AUC as that variance allows
(method 5 of Newcombe 2006, the score interval of an AUC):

    (theta - AUC)**2 <= z**2 * R * V(theta),    R = (k * t**2 / z**2 * DeLong / V(AUC) + 15) / (k + 15)

with ``k = 4 AUC (1 - AUC) m`` for the m effective rows of the smaller class, and t of the degrees of freedom of
DeLong's variance (Satterthwaite 1946). With many rows it is DeLong's interval. Rows with weights count as their
effective number, and those that belong together as fewer by their design effect.

A change has DeLong's paired variance with t in the same way, and for the part that the sample cannot tell the
variance that follows from the two score intervals and DeLong's correlation: 2 takes the place of 15.
"""

from __future__ import annotations

import math

import numpy as np

from replay.metrics.histogram import Histogram
from replay.metrics.histogram_metric import (
    NEGATIVE,
    POSITIVE,
    ClassRows,
    HistogramMetric,
    HistogramReading,
    Spread,
    why_not_two_classes,
)
from replay.metrics.interval import NO_INTERVAL, Z95, Interval, t_quantile
from replay.metrics.metric import METRICS, MetricChange
from replay.metrics.usable import Array

_KNOWN = 15.0
_KNOWN_OF_CHANGE = 2.0
"""How many effective rows Hanley and McNeil's variance weighs as; found by simulation (``tests/coverage``)."""


class Auc(HistogramMetric):
    """Weighted area under the ROC curve, ties by half, with a 95% score interval.

    >>> Auc().update(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1])).compute().value
    0.75
    """

    name = "auc"
    label = "AUC"
    good = "higher"
    change = MetricChange("auc_drop", "AUC drop", "AUC fell by", "AUC rose by", sign=-1)
    bounded = True

    @classmethod
    def read(cls, histogram: Histogram) -> HistogramReading:
        """Compute the AUC and its influence; the variance is NaN with fewer than two rows of a class."""
        reason = why_not_two_classes(histogram)
        if reason is not None:
            return HistogramReading.undefined(histogram, reason)
        negatives, positives = histogram.weights(NEGATIVE), histogram.weights(POSITIVE)
        below, above = float(negatives.sum()), float(positives.sum())
        # Mid-ranks: everything in lower bins counts in full, the bin itself by half.
        beats = (np.cumsum(negatives) - negatives / 2) / below  # V10 of a positive
        beaten = 1 - (np.cumsum(positives) - positives / 2) / above  # V01 of a negative
        auc = min(max(float(np.dot(positives, beats) / above), 0.0), 1.0)
        influence = np.stack(((beaten - auc) / below, (beats - auc) / above), axis=1)
        bound = 0.0 if histogram.exact else float(np.dot(positives, negatives) / (2 * above * below))
        return HistogramReading.of(cls, histogram, auc, influence, bound)

    @classmethod
    def class_variances(cls, squares: Array, rows: ClassRows) -> ClassRows:
        """Sums of squared influences, with DeLong's m / (m - 1) of each class; NaN for a class of one row."""
        below, above = (
            float(square) * count / (count - 1) if count > 1 else math.nan
            for square, count in zip(squares, rows, strict=True)
        )
        return (below, above)

    @classmethod
    def interval(cls, reading: HistogramReading, spread: Spread) -> Interval:
        """Newcombe's score interval with the sample's own variance as far as it can be told; see the module."""
        if not math.isfinite(spread.variance):
            return NO_INTERVAL
        auc, rows = reading.value, reading.independent(spread)
        expected = hanley_mcneil(auc, rows)
        # What is known of a variance from few groups is in doubt as a whole: how much they make of it is estimated too.
        of_groups = _excess(spread.groups - 1)
        ratio = spread.variance / expected * max(_excess(spread.degrees) / of_groups, 1.0) if expected > 0 else 1.0
        told = _told(auc, rows)
        inflation = (told * ratio + _KNOWN) / (told + _KNOWN) * of_groups
        return (_score_end(auc, rows, inflation, 0.0), _score_end(auc, rows, inflation, 1.0))

    @classmethod
    def change_interval(
        cls,
        change: float,
        spread: Spread,
        sides: tuple[HistogramReading, HistogramReading],
        spreads: tuple[Spread, Spread],
    ) -> Interval:
        """The paired interval, with what the two score intervals say where the sample cannot; see the module."""
        if not all(math.isfinite(each.variance) for each in (spread, *spreads)):
            return NO_INTERVAL
        own = [each.variance for each in spreads]
        scale = math.sqrt(own[0] * own[1])
        correlation = min(max((sum(own) - spread.variance) / (2 * scale), -1.0), 1.0) if scale > 0 else 0.0
        expected = [_score_variance(side, alone) for side, alone in zip(sides, spreads, strict=True)]
        whole = max(sum(expected) - 2 * correlation * math.sqrt(expected[0] * expected[1]), 0.0)
        rows = min((side.independent(alone) for side, alone in zip(sides, spreads, strict=True)), key=min)
        told = _told((sides[0].value + sides[1].value) / 2, rows)
        variance = (told * spread.variance * _excess(spread.degrees) + _KNOWN_OF_CHANGE * whole) / (
            told + _KNOWN_OF_CHANGE
        )
        half = Z95 * math.sqrt(variance)
        return (max(change - half, -1.0), min(change + half, 1.0))


METRICS.register(Auc.name, Auc, rank=10)


def hanley_mcneil(auc: float, rows: ClassRows) -> float:
    """Variance of an AUC (Hanley and McNeil 1982), as Newcombe (2006, method 5) takes it.

    Args:
        auc: In [0, 1].
        rows: Of the two classes, in any order.

    >>> round(hanley_mcneil(0.75, (10.0, 10.0)), 6)
    0.012482
    """
    half = sum(rows) / 2 - 1
    shape = 1 + half * ((1 - auc) / (2 - auc) + auc / (1 + auc))
    return auc * (1 - auc) * shape / (rows[0] * rows[1])


def _told(auc: float, rows: ClassRows) -> float:
    """Rows of the smaller class that tell a variance: the nearer to 0 or 1 an AUC, the fewer do."""
    return 4 * auc * (1 - auc) * min(rows)


def _excess(degrees: float) -> float:
    return (t_quantile(degrees) / Z95) ** 2


def _score_variance(reading: HistogramReading, spread: Spread) -> float:
    """The variance of a normal whose interval is as wide as the score interval."""
    low, high = Auc.interval(reading, spread)
    return 0.0 if low is None or high is None else ((high - low) / (2 * Z95)) ** 2


def _score_end(auc: float, rows: ClassRows, inflation: float, end: float) -> float:
    """The AUC between ``auc`` and 0 or 1 that is just as far from it as its own variance allows, to 1e-12."""
    square = Z95 * Z95 * inflation

    def beyond(theta: float) -> float:
        return (theta - auc) ** 2 - square * hanley_mcneil(theta, rows)

    near, far = auc + _STEP * (end - auc), end
    inside, outside = beyond(near), beyond(far)
    if near == far or inside >= 0:
        return end if near == far else near
    for _ in range(_MOST_STEPS):  # false position, as "Illinois" has it (Dowell and Jarratt 1971)
        theta = (near * outside - far * inside) / (outside - inside)
        found = beyond(theta)
        if abs(found) < _NOTHING or abs(far - near) < _NOTHING:
            return theta
        if found > 0:
            far, outside, inside = theta, found, inside / 2
        else:
            near, inside, outside = theta, found, outside / 2
    return theta


_STEP = 1e-9
_NOTHING = 1e-14
_MOST_STEPS = 100
