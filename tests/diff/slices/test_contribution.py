from __future__ import annotations

import numpy as np
import pytest

from replay.diff.slices.contribution import (
    MOMENTS,
    OUTSIDE,
    ROWS,
    SUMS,
    WIDTH,
    Judged,
    compact_columns,
    full_moments,
    spread_columns,
)
from replay.metrics.ratio.totals import row_terms

RNG = np.random.default_rng(0)
SCORE = RNG.random(50) * 1.1
LABEL = (RNG.random(50) < 0.4).astype(float)
WEIGHT = RNG.exponential(size=50)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["unweighted", "weighted"])
def test_compact_sums_spread_to_all_sums_and_products(weight):
    used = RNG.random(50) < 0.8
    terms = row_terms(np.where(used, SCORE, 0.0), np.where(used, LABEL, 0.0), weight) * used
    outside = used & (SCORE > 1)
    judged = Judged(terms, used, outside, weight is not None, None, None)
    columns = compact_columns(judged, labelled=True)
    sums = np.array([[column.sum() for column in columns]], dtype=float)
    found = spread_columns(sums, labelled=True, weighted=weight is not None)

    assert found.shape == (1, WIDTH)
    assert (found[0, ROWS], found[0, OUTSIDE]) == (used.sum(), outside.sum())
    assert found[0, SUMS] == pytest.approx(terms.sum(axis=1), rel=1e-12)
    assert full_moments(found[:, MOMENTS])[0] == pytest.approx(terms @ terms.T, rel=1e-12)
    assert len(columns) == (10 if weight is None else 15), "what is equal is summed once"


def test_without_labels_only_comparisons_are_summed():
    nothing = np.zeros(50, dtype=bool)
    judged = Judged(np.zeros((4, 0)), nothing, nothing, False, None, None)
    assert compact_columns(judged, labelled=False) == []
