"""Variances of ratios against the sums over rows that they stand for, and metrics that bring terms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from replay.metrics.kinds.calibration import Calibration
from replay.metrics.kinds.logloss import LogLoss
from replay.metrics.kinds.ne import NormalizedEntropy
from replay.metrics.ratio import TermTotals, all_terms, measure_change, ratio_metrics, row_terms, term_products
from replay.metrics.terms import BASE_TERMS
from tests.metrics.cases import CASES

SCORE, LABEL, WEIGHT = CASES["weights"]


def test_the_packages_metrics_bring_no_terms_beside_the_base():
    assert all_terms() == BASE_TERMS
    assert list(ratio_metrics()) == ["ne", "logloss", "calibration"]


def test_a_row_adds_its_terms_times_its_weight():
    terms = row_terms(SCORE, LABEL, WEIGHT)
    assert terms[:3] == pytest.approx(np.stack((WEIGHT, WEIGHT * LABEL, WEIGHT * SCORE)))
    assert term_products(terms, terms) == pytest.approx(np.einsum("ir,jr->ij", terms, terms), rel=1e-12)


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


def test_a_score_against_itself_changes_by_nothing_for_sure():
    terms = row_terms(SCORE, LABEL, WEIGHT)
    side = TermTotals(terms.sum(axis=1), term_products(terms, terms), len(SCORE), 0)
    found = measure_change(NormalizedEntropy, side, side, side.moments)
    assert (found.value, found.low, found.high) == (0.0, pytest.approx(0.0, abs=1e-8), pytest.approx(0.0, abs=1e-8))


def test_a_change_is_undefined_where_a_side_is():
    terms = row_terms(SCORE, LABEL, WEIGHT)
    side = TermTotals(terms.sum(axis=1), term_products(terms, terms), len(SCORE), 0)
    none = TermTotals(np.zeros(4), np.zeros((4, 4)), 0, 0)
    assert measure_change(Calibration, side, none, np.zeros((4, 4))).reason is not None
    with pytest.raises(ValueError, match="'logloss', expected a metric that says what its change is called"):
        measure_change(LogLoss, side, side, side.moments)
