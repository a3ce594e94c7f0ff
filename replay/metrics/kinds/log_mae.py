"""LogMAE: how far, on the log scale, predicted and observed rates are apart along the score.

The name is used in industry without a public formula (Pinterest's engineering blog of 2026-02-27 on L1 conversion
models reports it as an offline loss, with breakdowns by percentiles of the predicted rate). A mean of ``|ln p - ln y|``
over rows is no use for 0/1 labels: it hangs on the epsilon that stands for ln 0, and is smallest for a model that
predicts 0. So this is what can be measured:

    log_mae = sum over buckets b of W_b / W * |ln(S_b / Y_b)|

over ten buckets of equal weight along the score, with W_b, S_b and Y_b the sums of w, w*score and w*label in the
bucket. 0 is calibrated everywhere; 0.1 is off by about 10%, up or down, on average. Rows of one bin share a bucket. A
bucket with fewer than five positive rows, or whose scores sum to 0, is joined with the next higher one (the last one
with the one below).

Noise alone keeps a bucket's distance above 0, by about ``0.8 / sqrt(its positives)``, so a plain sum says 0.13 for a
model that is off by 0.09, at 2,000 rows. What noise adds is taken off: with d_b the logarithm and v_b its variance
(delta method, rows independent), the true logarithms are taken as a normal sample of mean mu and variance tau**2
(DerSimonian and Laird 1986, random effects), and the value is

    max(0, sum over b of W_b / W * (|d_b| - F(mu, tau**2 + v_b) + F(mu, tau**2)))

where ``F(mu, v)`` is the mean of the absolute value of a normal of mean mu and variance v (Leone, Nelson and
Nottingham 1961). What is left of the bias is below a fifth of the standard error, but where the truth is next to 0,
which no estimate of an absolute value reaches from below. There the interval is wider than it need be. Its width is
that of the plain sum, the buckets' edges taken as fixed; below 30 positives buckets are too few for one.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import cast

import numpy as np
from numpy.typing import NDArray

from replay.metrics.histogram import Histogram
from replay.metrics.histogram_metric import NEGATIVE, POSITIVE, HistogramMetric, HistogramReading, Spread, class_rows
from replay.metrics.interval import Interval, wald
from replay.metrics.metric import METRICS
from replay.metrics.usable import Array
from replay.metrics.value import NO_POSITIVES, NO_ROWS, NOT_PROBABILITIES, ZERO_WEIGHT

BUCKETS = 10
FEWEST_IN_BUCKET = 5
"""Positive rows: of fewer, the logarithm of their number is biased itself."""
NO_MASS = "the scores of all rows sum to zero"


class LogMae(HistogramMetric):
    """Mean absolute log distance of predicted and observed rates over ten score buckets of equal weight, less noise.

    >>> label = np.repeat([0.0, 1.0], [900_000, 100_000])
    >>> round(LogMae().update(np.full(1_000_000, 0.2), label).compute().value, 3)
    0.693
    """

    name = "log_mae"
    label = "Log MAE"
    good = "lower"
    fewest = 30

    @classmethod
    def interval(cls, reading: HistogramReading, spread: Spread) -> Interval:
        """Student's with a degree of freedom less than there are buckets: from them noise is known."""
        return wald(reading.value, spread.variance, degrees=min(spread.degrees, BUCKETS - 1.0), floor=0.0)

    @classmethod
    def read(cls, histogram: Histogram) -> HistogramReading:
        """Compute LogMAE and its influence."""
        positives = histogram.weights(POSITIVE)
        weights = histogram.weights(NEGATIVE) + positives
        scores = histogram.bin_values()
        reason = _why_undefined(sum(class_rows(histogram)), weights, positives, scores)
        if reason is not None:
            return HistogramReading.undefined(histogram, reason)
        scores = np.where(weights > 0, scores, 0.0)
        bucket = _buckets(weights, histogram.counts(POSITIVE), positives, weights * scores)
        of_bucket = [np.bincount(bucket, weights=column) for column in (weights, positives, weights * scores)]
        weight, label, score = of_bucket
        total = weight.sum()
        distance = np.log(score / label)  # (num_buckets,)
        plain = float(np.dot(weight, np.abs(distance)) / total)
        slope = (np.sign(distance) * weight / total)[bucket]
        shared = (np.abs(distance)[bucket] - plain) / total + slope * scores / score[bucket]
        influence = np.stack((shared, shared - slope / label[bucket]), axis=1)
        noise = _noise(
            distance, _variances(histogram, bucket, scores / score[bucket], 1 / label[bucket]), weight / total
        )
        return HistogramReading.of(cls, histogram, max(plain - noise, 0.0), influence)


METRICS.register(LogMae.name, LogMae, rank=50)


def _why_undefined(rows: float, weights: Array, positives: Array, scores: Array) -> str | None:
    if rows == 0:
        return NO_ROWS
    if weights.sum() <= 0:
        return ZERO_WEIGHT
    used = scores[weights > 0]
    if used.min() < 0 or used.max() > 1:
        return NOT_PROBABILITIES
    if positives.sum() <= 0:
        return NO_POSITIVES
    return NO_MASS if np.dot(used, weights[weights > 0]) <= 0 else None


def _variances(histogram: Histogram, bucket: NDArray[np.int64], by_score: Array, by_label: Array) -> Array:
    """Variance of each bucket's logarithm for independent rows, ``(num_buckets,)``.

    Args:
        histogram: Of scores by label.
        bucket: ``(num_bins,)``.
        by_score: ``(num_bins,)``: what a row of weight 1 adds to ln S_b.
        by_label: ``(num_bins,)``: what a positive one adds to ln Y_b.
    """
    squares = histogram.squares(NEGATIVE) * by_score**2 + histogram.squares(POSITIVE) * (by_score - by_label) ** 2
    return np.bincount(bucket, weights=squares).astype(np.float64)


def _noise(distance: Array, variances: Array, weight: Array) -> float:
    """What noise adds to the plain sum; see the module. All ``(num_buckets,)``; the weights sum to 1."""
    if not (np.isfinite(variances) & (variances > 0)).all():
        return 0.0
    precision = 1 / variances
    total = float(precision.sum())
    mean = float(np.dot(precision, distance)) / total
    heterogeneity = float(np.dot(precision, (distance - mean) ** 2)) - (distance.size - 1)
    scale = total - float(np.dot(precision, precision)) / total
    between = max(heterogeneity / scale, 0.0) if distance.size > 1 and scale > 0 else 0.0
    precision = 1 / (variances + between)
    mean = float(np.dot(precision, distance) / precision.sum())
    without = _mean_size(mean, between)
    with_noise = [_mean_size(mean, between + variance) for variance in variances.tolist()]
    return float(np.dot(weight, np.array(with_noise) - without))


def _mean_size(mean: float, variance: float) -> float:
    """Mean of the absolute value of a normal (Leone, Nelson and Nottingham 1961)."""
    if variance <= 0:
        return abs(mean)
    deviation = math.sqrt(variance)
    peak = deviation * math.sqrt(2 / math.pi) * math.exp(-mean * mean / (2 * variance))
    return peak + mean * (1 - 2 * _NORMAL.cdf(-mean / deviation))


_NORMAL = NormalDist()


def _buckets(weights: Array, rows: Array, positives: Array, mass: Array) -> NDArray[np.int64]:
    """Bucket of every bin, ``(num_bins,)``, from 0 without gaps, by the mid-rank of the bin.

    Args:
        weights: ``(num_bins,)``, as all are.
        rows: Positive rows.
        positives: Their weights.
        mass: Sums of w*score.
    """
    middle = (np.cumsum(weights) - weights / 2) / weights.sum()
    tenth = np.clip((middle * BUCKETS).astype(np.int64), 0, BUCKETS - 1)
    count = np.bincount(tenth, weights=rows, minlength=BUCKETS)
    label = np.bincount(tenth, weights=positives, minlength=BUCKETS)
    score = np.bincount(tenth, weights=mass, minlength=BUCKETS)
    joined = np.zeros(BUCKETS, dtype=np.int64)
    current, num, label_sum, score_sum = 0, 0.0, 0.0, 0.0
    for place in range(BUCKETS):
        joined[place] = current
        num, label_sum, score_sum = num + count[place], label_sum + label[place], score_sum + score[place]
        if num >= FEWEST_IN_BUCKET and label_sum > 0 and score_sum > 0:
            current, num, label_sum, score_sum = current + 1, 0.0, 0.0, 0.0
    # An unfinished last bucket goes to the one below; of fewer positives than a bucket takes, all are one.
    joined = np.minimum(joined, max(current - 1, 0))
    return cast("NDArray[np.int64]", joined[tenth])
