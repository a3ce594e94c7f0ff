"""Ratios of slices, of all rows, and their changes."""

from __future__ import annotations

import numpy as np
import pytest

from replay.metrics.kinds.calibration import Calibration
from replay.metrics.kinds.logloss import LogLoss
from replay.metrics.kinds.ne import NormalizedEntropy
from replay.metrics.ratio.measure import OVERFLOW, measure_change, measure_ratio, measure_whole
from replay.metrics.ratio.totals import TermTotals, row_terms, term_products
from replay.metrics.value import NO_ROWS
from tests.metrics.cases import CASES

SCORE, LABEL, WEIGHT = CASES["weights"]


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


def test_slices_are_measured_as_if_each_were_all():
    half = len(SCORE) // 2
    parts = [row_terms(SCORE[rows], LABEL[rows], WEIGHT[rows]) for rows in (slice(None, half), slice(half, None))]
    sums = np.stack([*(part.sum(axis=1) for part in parts), np.zeros(4)])
    moments = np.stack([*(term_products(part, part) for part in parts), np.zeros((4, 4))])
    found = measure_ratio(LogLoss, sums, moments, np.array([half, len(SCORE) - half, 0]), np.zeros(3))
    assert found[0] == LogLoss.measure(SCORE[:half], LABEL[:half], WEIGHT[:half])
    assert found[1] == LogLoss.measure(SCORE[half:], LABEL[half:], WEIGHT[half:])
    assert (found[2].reason, found[2].rows) == (NO_ROWS, 0)


def test_sums_that_overflow_have_no_value():
    found = measure_whole(LogLoss, TermTotals(np.array([1.0, 1.0, 1.0, np.inf]), np.ones((4, 4)), 5, 0))
    assert (found.value, found.reason) == (None, OVERFLOW)


def test_a_metric_without_a_change_has_none():
    class NoChange(LogLoss):
        change = None

    side = TermTotals(np.ones(4), np.ones((4, 4)), 5, 0)
    with pytest.raises(ValueError, match="says what its change is called"):
        measure_change(NoChange, side, side, side.moments)
