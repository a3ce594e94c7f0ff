from __future__ import annotations

import numpy as np
import pytest

from replay.diff.pair_moments import PairMoments, left_over

RNG = np.random.default_rng(2)
LEFT = 1e6 + RNG.normal(size=300)
RIGHT = LEFT + RNG.normal(size=300)


def moments(rows):
    found = PairMoments()
    found.add(LEFT[rows], RIGHT[rows])
    return found


def test_parts_merge_to_the_correlation_of_all():
    whole = moments(slice(0, 100))
    whole.merge(moments(slice(100, 300)))
    whole.merge(PairMoments())
    assert whole.count == 300
    assert whole.correlation() == pytest.approx(np.corrcoef(LEFT, RIGHT)[0, 1], rel=1e-9)


def test_some_pairs_are_taken_out_again():
    extremes = {int(pick(side)) for side in (LEFT, RIGHT) for pick in (np.argmin, np.argmax)}
    inside = np.array([row for row in range(80) if row not in extremes])
    rest = np.setdiff1d(np.arange(300), inside)
    left = moments(np.arange(300)).minus(moments(inside))
    assert left is not None
    assert left.correlation() == pytest.approx(np.corrcoef(LEFT[rest], RIGHT[rest])[0, 1], rel=1e-9)
    assert moments(np.arange(300)).minus(moments(np.array([min(extremes)]))) is None


def test_no_correlation_without_pairs_or_with_one_value():
    assert PairMoments().correlation() is None
    constant = PairMoments()
    constant.add(np.ones(3), np.arange(3.0))
    assert constant.constant
    assert constant.correlation() is None


def test_digits_are_left_where_the_rest_is_no_tiny_part():
    assert left_over(np.array([1.0, 0.5]), np.array([2.0, 10.0]))
    assert not left_over(np.array([1.0, 0.5]), np.array([2.0, 1000.0]))
    assert not left_over(1.0, np.inf)
