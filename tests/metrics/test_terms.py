from __future__ import annotations

import numpy as np
import pytest
from scipy.special import xlogy

from replay.metrics.terms import BASE_TERMS, LOSS_EPS, divide, num_clipped, outside_unit, row_loss

SCORE = np.array([0.25, 0.5, 0.75, 1e-15, 1.0, -0.5])
LABEL = np.array([0.0, 1.0, 1.0, 1.0, 0.0, 0.0])


def test_terms_of_rows_by_hand():
    found = {term.name: term.of(SCORE[:3], LABEL[:3]).tolist() for term in BASE_TERMS}
    assert list(found) == ["weight", "label", "score", "loss"]
    assert (found["weight"], found["label"], found["score"]) == ([1, 1, 1], [0, 1, 1], [0.25, 0.5, 0.75])
    assert found["loss"] == pytest.approx([-np.log(0.75), np.log(2), -np.log(0.75)], rel=1e-14)


def test_losses_are_cross_entropy_of_clipped_scores():
    clipped = np.clip(SCORE, LOSS_EPS, 1 - LOSS_EPS)
    assert row_loss(SCORE, LABEL) == pytest.approx(-(xlogy(LABEL, clipped) + xlogy(1 - LABEL, 1 - clipped)), rel=1e-3)
    assert row_loss(SCORE, LABEL)[3] == pytest.approx(-np.log(LOSS_EPS), rel=1e-14)
    assert num_clipped(SCORE) == 3


def test_a_score_outside_the_unit_is_no_probability():
    assert outside_unit(np.array([0.0, 1.0, -1e-9, 1.0 + 1e-9, 0.5])).tolist() == [False, False, True, True, False]


def test_a_quotient_that_is_not_finite_is_nan():
    found = divide(np.array([1.0, 0.0, 1e308, 3.0]), np.array([0.0, 0.0, 1e-308, 2.0]))
    assert found == pytest.approx([np.nan, np.nan, np.nan, 1.5], nan_ok=True)
