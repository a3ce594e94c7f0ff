from __future__ import annotations

import pickle

import numpy as np
import pytest

from replay.metrics.histogram import Histogram
from replay.metrics.influence_table import InfluenceTable

SCORE = np.array([0.25, 0.5, 0.5, 0.75])
LABEL = np.array([0.0, 1.0, 0.0, 1.0])
BY_BIN = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])  # (num_bins, 2), by label


def table(scores=SCORE, spread=1.0):
    histogram = Histogram(2)
    histogram.add(scores * spread, LABEL)
    return InfluenceTable.of(histogram, BY_BIN, 10 * BY_BIN)


@pytest.mark.parametrize("spread", [1.0, 1e30], ids=["one size", "many sizes"])
@pytest.mark.parametrize("through", [lambda made: made, lambda made: pickle.loads(pickle.dumps(made))])
def test_each_row_has_the_value_of_its_bin_and_label(spread, through):
    score = np.array([0.25, 0.5, 0.75]) * np.array([1.0, 1.0, spread])
    histogram = Histogram(2)
    histogram.add(score, np.array([0.0, 1.0, 1.0]))
    made = through(InfluenceTable.of(histogram, BY_BIN, 10 * BY_BIN))
    found = made.influence(score, np.array([0.0, 1.0, 0.0]), np.array([1.0, 2.0, 4.0]))
    assert found.tolist() == [[1.0, 10.0], [8.0, 80.0], [20.0, 200.0]]


def test_rows_outside_the_mask_add_nothing_whatever_stands_there():
    mask = np.array([True, False, True, False])
    score = np.array([0.75, np.nan, 0.5, 99.0])
    found = table().influence_where(mask, score, LABEL, np.array([2.0, np.nan, 1.0, 1.0]))
    assert found.tolist() == [[10.0, 100.0], [0.0, 0.0], [3.0, 30.0], [0.0, 0.0]]


def test_another_score_is_refused():
    with pytest.raises(ValueError, match=r"score 0\.625 in the second pass"):
        table().places(np.array([0.5, 0.625]))


def test_no_rows_have_no_places():
    assert table().places(np.zeros(0)).size == 0
