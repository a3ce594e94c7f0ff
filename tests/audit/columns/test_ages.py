"""Ages by hour against pandas, and the laws of merging."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

from replay.audit.columns.ages import HOURS, NUM_AGES, ValueAges, age_quantile
from replay.audit.columns.partitions import make_partitions
from tests.audit.columns.planted_ages import HOUR, START, events, landed

ROWS = 20_000


def _state(moments, values, slices=None, known=None) -> ValueAges:
    divisions = [np.zeros(moments.size, dtype=np.int64)] + ([] if slices is None else [slices])
    state = ValueAges()
    known = np.ones(moments.size, dtype=np.bool_) if known is None else known
    state.update(moments, values, known, make_partitions(divisions))
    return state


def test_quantiles_by_hour_are_those_of_pandas():
    moments = events()
    values = moments - (np.random.default_rng(2).exponential(5, ROWS) * HOUR).astype(np.int64)
    by_hour = _state(moments, values).by_hour(0)
    ages = pd.Series((moments - values) / HOUR).groupby((moments - START) // HOUR % 24)

    assert by_hour.sum(axis=1).tolist() == ages.size().tolist()
    for hour, expected in ages.median().items():
        assert age_quantile(by_hour[hour], 0.5) == pytest.approx(expected, rel=0.05)


def test_seconds_are_told_apart_from_minutes():
    moments = np.full(100, START)

    assert age_quantile(_state(moments, moments - 2_000_000).by_hour(0)[0], 0.5) < 1 / 60


def test_what_lies_in_an_open_cell_is_not_told():
    moments = np.full(10, START)

    for values in (moments + HOUR, moments - 1000 * HOUR):
        rows = _state(moments, values).by_hour(0)[0]
        assert (rows.sum(), age_quantile(rows, 0.5)) == (10, None)
    assert age_quantile(np.zeros(NUM_AGES, dtype=np.int64), 0.5) is None


def test_ages_in_seconds_have_quantiles():
    moments = events()

    seconds, rows = _state(moments, moments - 90_000_000).seconds.filled()

    assert (seconds.tolist(), rows.tolist()) == ([90.0], [ROWS])


def test_slices_and_days():
    moments = events(days=4)
    slices = np.array([-1, 1, 2])[np.arange(ROWS) % 3]
    state = _state(moments, landed(moments, 3), slices)

    assert state.by_hour(0).shape == (HOURS, NUM_AGES)
    assert state.by_hour(1).sum() == (slices == 1).sum()
    assert state.by_hour(3).sum() == 0
    days, value_days = state.days(0)
    assert (days.sum(), days.size, value_days.size) == (ROWS, 4, 5)
    assert state.days(1)[0].sum() == (slices == 1).sum()


def test_unknown_times_are_left_out():
    moments = events()
    known = np.arange(ROWS) % 4 == 0

    assert _state(moments, moments, known=known).by_hour(0).sum() == known.sum()
    assert _state(moments, moments, known=np.zeros(ROWS, dtype=np.bool_)).by_hour(0).sum() == 0


def test_parts_in_any_order_give_what_one_pass_gives():
    moments, slices = events(), np.arange(ROWS) % 3 + 1
    values = landed(moments, 5, jitter=1)
    whole = _state(moments, values, slices)
    parts = [
        _state(moments[rows], values[rows], slices[rows]) for rows in (slice(0, 10), slice(10, 9000), slice(9000, None))
    ]
    numbers = np.array([0, 3, 1, 2])
    for order in (parts, parts[::-1]):
        merged = ValueAges()
        for part in order:
            merged.merge(pickle.loads(pickle.dumps(part)), numbers)
        for place, number in enumerate(numbers):
            assert (merged.by_hour(number) == whole.by_hour(place)).all()
            for one, other in zip(merged.days(number), whole.days(place), strict=True):
                assert (one == other).all()


def test_a_slice_that_is_dropped_is_left_out():
    moments = events()
    merged = ValueAges()

    merged.merge(_state(moments, moments, np.ones(ROWS, dtype=np.int64)), np.array([0, -1]))

    assert (merged.by_hour(0).sum(), merged.by_hour(1).sum()) == (ROWS, 0)
