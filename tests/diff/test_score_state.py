from __future__ import annotations

import numpy as np
import pytest

from replay.diff.chunk import Column
from replay.diff.comparison import compare_rows
from replay.diff.score_state import ScoreSums
from replay.diff.slices.contribution import Judged
from replay.metrics.ratio.totals import row_terms
from tests.diff.table import SPEC
from tests.metrics.state_tester import same

RNG = np.random.default_rng(4)
ROWS = 400
VALUES = RNG.beta(1, 4, ROWS)
BASELINE = RNG.beta(1, 4, ROWS)
LABEL = (RNG.random(ROWS) < VALUES).astype(float)


def sums_of(rows, values=VALUES):
    """The sums of some rows, all with a label and both scores."""
    there = np.ones(len(rows), dtype=bool)
    terms = row_terms(values[rows], LABEL[rows], None)
    compared = compare_rows(values[rows], there, BASELINE[rows], there, SPEC.tolerance)
    judged = Judged(terms, there, (values[rows] < 0) | (values[rows] > 1), False, compared, compared)
    return ScoreSums(SPEC).add(
        Column(values[rows], there), judged, row_terms(BASELINE[rows], LABEL[rows], None), len(rows)
    )


def assert_alike(found, expected):
    assert found.sums == pytest.approx(expected.sums, rel=1e-12)
    assert found.moments == pytest.approx(expected.moments, rel=1e-12)
    assert found.cross == pytest.approx(expected.cross, rel=1e-12)
    counts = ("used", "outside", "missing", "non_finite", "saturated", "clipped", "low", "high")
    assert [getattr(found, name) for name in counts] == [getattr(expected, name) for name in counts]
    assert same(found.on_online.compute(), expected.on_online.compute(), 1e-9)


def test_parts_merge_to_the_whole():
    whole, first = sums_of(np.arange(ROWS)), sums_of(np.arange(150))
    first.merge(sums_of(np.arange(150, ROWS)))
    assert_alike(first, whole)


def test_rows_are_taken_out_again():
    inside = np.argsort(np.abs(VALUES - 0.2) + np.abs(BASELINE - 0.2))[:60]  # no extreme is among them
    left = sums_of(np.arange(ROWS)).minus(sums_of(inside))
    assert left is not None
    assert_alike(left, sums_of(np.setdiff1d(np.arange(ROWS), inside)))


def test_an_extreme_cannot_be_taken_out():
    assert sums_of(np.arange(ROWS)).minus(sums_of(np.array([int(VALUES.argmax())]))) is None


def test_what_would_lose_its_digits_is_not_taken_out():
    values = VALUES.copy()
    values[7], values[8] = 1e9, 2e9
    assert sums_of(np.arange(ROWS), values).minus(sums_of(np.array([7]), values)) is not None
    assert sums_of(np.array([7, 8, 9]), values).minus(sums_of(np.array([7, 8]), values)) is None


def test_scores_that_no_healthy_model_gives_are_counted():
    there = np.array([True, True, True, True, False])
    column = Column(np.array([np.nan, np.inf, 1e-9, 1.0, 0.0]), there)
    nothing = np.zeros(5, dtype=bool)
    state = ScoreSums(SPEC).add(column, Judged(np.zeros((4, 0)), nothing, nothing, False, None, None), None, 0)
    assert (state.missing, state.non_finite, state.saturated, state.low, state.high) == (1, 2, 2, 1e-9, 1.0)
    assert state.largest_logit() == pytest.approx(-np.log(1e-9), rel=1e-6)
