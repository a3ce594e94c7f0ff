"""What rows add to the sums under all ratio metrics."""

from __future__ import annotations

import numpy as np
import pytest

from replay.metrics.ratio.totals import TermTotals, all_terms, row_terms, term_products
from replay.metrics.terms import BASE_TERMS
from tests.metrics.cases import CASES

SCORE, LABEL, WEIGHT = CASES["weights"]


def test_the_packages_metrics_bring_no_terms_beside_the_base():
    assert all_terms() == BASE_TERMS


def test_a_row_adds_its_terms_times_its_weight():
    terms = row_terms(SCORE, LABEL, WEIGHT)
    assert terms[:3] == pytest.approx(np.stack((WEIGHT, WEIGHT * LABEL, WEIGHT * SCORE)))
    assert term_products(terms, terms) == pytest.approx(np.einsum("ir,jr->ij", terms, terms), rel=1e-12)


def test_clusters_of_all_rows_are_those_of_one_slice():
    clusters = np.arange(8.0).reshape(2, 4)
    found = TermTotals(np.zeros(4), np.zeros((4, 4)), 2, 0, clusters).cluster_terms()
    assert (found.slices.tolist(), found.terms.tolist()) == ([0, 0], clusters.tolist())
    assert TermTotals(np.zeros(4), np.zeros((4, 4)), 2, 0).cluster_terms() is None
