"""LogMAE: how far, on the log scale, predicted and observed rates are apart along the score.

The name is used in industry without a public formula (Pinterest's engineering blog of 2026-02-27 on L1 conversion
models reports it as an offline loss, with breakdowns by percentiles of the predicted rate). A mean of ``|ln p - ln y|``
over rows is no use for 0/1 labels: it hangs on the epsilon that stands for ln 0, and is smallest for a model that
predicts 0. So this is what can be measured:

    log_mae = sum over buckets b of W_b / W * |ln(S_b / Y_b)|

over ten buckets of equal weight along the score, with W_b, S_b and Y_b the sums of w, w*score and w*label in the
bucket. 0 is calibrated everywhere; 0.1 is off by about 10%, up or down, on average. Rows of one bin share a bucket. A
bucket with no positive label, or whose scores sum to 0, is joined with the next higher one (the last one with the one
below), so that every logarithm exists. Noise alone keeps a bucket above 0, by about ``0.8 / sqrt(its positives)``.
"""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

from replay.metrics.histogram import Histogram
from replay.metrics.histogram_metric import NEGATIVE, POSITIVE, HistogramMetric, HistogramReading, class_rows
from replay.metrics.metric import METRICS
from replay.metrics.usable import Array
from replay.metrics.value import NO_POSITIVES, NO_ROWS, NOT_PROBABILITIES, ZERO_WEIGHT

BUCKETS = 10
NO_MASS = "the scores of all rows sum to zero"


class LogMae(HistogramMetric):
    """Mean absolute log distance of predicted and observed rates over ten score buckets of equal weight.

    The interval takes the buckets' edges as fixed.

    >>> round(LogMae().update(np.full(10, 0.2), np.eye(10)[0]).compute().value, 6)
    0.693147
    """

    name = "log_mae"
    label = "Log MAE"
    good = "lower"

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
        bucket = _buckets(weights, positives, weights * scores)
        of_bucket = [np.bincount(bucket, weights=column) for column in (weights, positives, weights * scores)]
        weight, label, score = of_bucket
        total = weight.sum()
        distance = np.log(score / label)  # (num_buckets,)
        value = float(np.dot(weight, np.abs(distance)) / total)
        slope = (np.sign(distance) * weight / total)[bucket]
        shared = (np.abs(distance)[bucket] - value) / total + slope * scores / score[bucket]
        influence = np.stack((shared, shared - slope / label[bucket]), axis=1)
        return HistogramReading(value, influence, cls.row_variance(influence, histogram), class_rows(histogram))


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


def _buckets(weights: Array, positives: Array, mass: Array) -> NDArray[np.int64]:
    """Bucket of every bin, ``(num_bins,)``, from 0 without gaps, by the mid-rank of the bin."""
    middle = (np.cumsum(weights) - weights / 2) / weights.sum()
    tenth = np.clip((middle * BUCKETS).astype(np.int64), 0, BUCKETS - 1)
    label = np.bincount(tenth, weights=positives, minlength=BUCKETS)
    score = np.bincount(tenth, weights=mass, minlength=BUCKETS)
    joined = np.zeros(BUCKETS, dtype=np.int64)
    current, label_sum, score_sum = 0, 0.0, 0.0
    for place in range(BUCKETS):
        joined[place] = current
        label_sum, score_sum = label_sum + label[place], score_sum + score[place]
        if label_sum > 0 and score_sum > 0:
            current, label_sum, score_sum = current + 1, 0.0, 0.0
    # An unfinished last bucket goes to the one below; the reasons above leave at least one finished.
    joined = np.minimum(joined, current - 1)
    return cast("NDArray[np.int64]", joined[tenth])
