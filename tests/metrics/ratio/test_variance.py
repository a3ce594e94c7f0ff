"""Variances of ratios against the sums over rows that they stand for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from replay.metrics.kinds.logloss import LogLoss
from replay.metrics.kinds.ne import NormalizedEntropy
from replay.metrics.ratio.totals import ClusterTerms, TermTotals, row_terms, term_products
from replay.metrics.ratio.variance import clustered_variance, evidence_by_slice, evidence_of, row_variance
from tests.metrics.cases import CASES

SCORE, LABEL, WEIGHT = CASES["weights"]


@pytest.mark.parametrize("metric", [LogLoss, NormalizedEntropy], ids=lambda metric: metric.__name__)
def test_the_interval_is_that_of_the_influences_of_rows(metric):
    """What a row adds to the metric, by leaving a little of its weight out."""
    found = metric.measure(SCORE, LABEL, WEIGHT)
    step = 1e-6
    influence = []
    for row in range(len(SCORE)):
        less = WEIGHT.copy()
        less[row] *= 1 - step
        influence.append((found.value - metric.measure(SCORE, LABEL, less).value) / step)
    error = np.sqrt(np.sum(np.square(influence)) * len(SCORE) / (len(SCORE) - 1))
    positives = np.sum(WEIGHT * LABEL) ** 2 / np.sum((WEIGHT * LABEL) ** 2)
    if metric is LogLoss:
        half = stats.t.ppf(0.975, 2 * positives) * error / found.value
        assert np.log(found.high / found.low) / 2 == pytest.approx(half, rel=1e-4)
    else:
        assert (found.high - found.low) / 2 == pytest.approx(stats.t.ppf(0.975, positives - 1) * error, rel=1e-4)


def test_rows_and_clusters_of_one_row_have_one_variance():
    """The same sum over rows, written in two ways: by moments, and by clusters that hold a row each."""
    terms = row_terms(SCORE, LABEL, WEIGHT)
    gradient = np.array([[0.5, -1.0, 0.25, 2.0]])
    gradient -= gradient @ terms.sum(axis=1) / terms[0].sum() * np.array([1.0, 0.0, 0.0, 0.0])  # grad . Z is 0
    influence = gradient[0] @ terms
    expected = np.sum(influence**2) * len(SCORE) / (len(SCORE) - 1)
    by_rows = row_variance(gradient, term_products(terms, terms)[None], np.array([len(SCORE)]))
    by_cluster = clustered_variance(gradient, np.zeros(len(SCORE), np.int64), np.ascontiguousarray(terms.T))
    assert by_rows == pytest.approx([expected])
    assert by_cluster == pytest.approx([expected])


def test_effective_rows_of_equal_weights_are_rows():
    """Five positives and three negatives of weight 2; in three clusters, of which one holds no positive."""
    label = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    terms = row_terms(np.full(8, 0.5), label, np.full(8, 2.0))
    sums, moments = terms.sum(axis=1), term_products(terms, terms)
    found = evidence_of(TermTotals(sums, moments, 8, 0))
    assert (found.positives, found.negatives, found.independent) == pytest.approx((5.0, 3.0, 3.0))

    of = np.array([0, 0, 0, 0, 1, 0, 1, 2])
    by_cluster = np.stack([np.bincount(of, weights=term) for term in terms], axis=1)
    (found,) = evidence_by_slice(sums[None], moments[None], ClusterTerms(np.zeros(3, np.int64), by_cluster))
    # Positives are 4 and 1: (4 + 1)**2 / (16 + 1) clusters of equal size; negatives are 1, 1 and 1.
    assert (found.positives, found.independent, found.groups) == pytest.approx((5.0, 25 / 17, 3.0))
