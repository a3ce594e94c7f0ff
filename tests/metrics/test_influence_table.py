from __future__ import annotations

import pickle

import numpy as np
import pytest

from replay.metrics.histogram import Histogram
from replay.metrics.influence_table import InfluenceTable

SCORE = np.array([0.25, 0.5, 0.5, 0.75])
LABEL = np.array([0.0, 1.0, 0.0, 1.0])
BY_BIN = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])  # (num_bins, 2), by label


def table(scores=SCORE):
    histogram = Histogram(2)
    histogram.add(scores, LABEL)
    return InfluenceTable.of(histogram, BY_BIN, 10 * BY_BIN)


@pytest.mark.parametrize("spread", [1.0, 1e30], ids=["one size", "many sizes"])
@pytest.mark.parametrize("through", [lambda made: made, lambda made: pickle.loads(pickle.dumps(made))])
def test_each_row_has_the_value_of_its_bin_and_label(spread, through):
    score = np.array([0.25, 0.5, 0.75]) * np.array([1.0, 1.0, spread])
    histogram = Histogram(2)
    histogram.add(score, np.array([0.0, 1.0, 1.0]))
    made = through(InfluenceTable.of(histogram, BY_BIN, 10 * BY_BIN))
    every = np.ones(3, dtype=bool)
    found = made.influence_where(every, score, np.array([0.0, 1.0, 0.0]), np.array([1.0, 2.0, 4.0]))
    assert found.tolist() == [[1.0, 10.0], [8.0, 80.0], [20.0, 200.0]]


def test_rows_outside_the_mask_add_nothing_whatever_stands_there():
    mask = np.array([True, False, True, False])
    score = np.array([0.75, np.nan, 0.5, 99.0])
    found = table().influence_where(mask, score, LABEL, np.array([2.0, np.nan, 1.0, 1.0]))
    assert found.tolist() == [[10.0, 100.0], [0.0, 0.0], [3.0, 30.0], [0.0, 0.0]]


@pytest.mark.parametrize("spread", [1.0, 1e30], ids=["dense", "sparse"])
def test_another_score_is_refused(spread):
    made = table(SCORE * np.array([1.0, 1.0, 1.0, spread]))
    with pytest.raises(ValueError, match=r"score 0\.625 in the second pass, which the first did not see"):
        made.influence_where(np.ones(2, dtype=bool), np.array([0.5, 0.625]), LABEL[:2], None)


def test_no_rows_add_nothing():
    none = np.zeros(4, dtype=bool)
    assert not table().influence_where(none, SCORE, LABEL, None).any()
    assert table().influence_where(none[:0], SCORE[:0], LABEL[:0], None).shape == (0, 2)
