"""As-of lookups against brute force."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from replay.diagnosis.causes.counterfactual.entity_history import EntityHistory, densest_lag, round_lag


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(0)
    entity, times = rng.integers(0, 20, 400), rng.integers(0, 10_000, 400)
    asked, asked_us = rng.integers(0, 25, 200), rng.integers(0, 12_000, 200)
    names = np.array([f"user {index}" for index in range(25)])
    history = EntityHistory(pa.array(names[entity]), times, pa.array(names[asked]), asked_us)
    return entity, times, asked, asked_us, history


def _brute(case, row, lag):
    entity, times, asked, asked_us, _ = case
    old = np.flatnonzero((entity == asked[row]) & (times <= asked_us[row] - lag))
    return times[old].max() if len(old) else None


@pytest.mark.parametrize("lag", [1, 50, 700, 20_000])
def test_the_newest_value_that_is_old_enough(case, lag):
    _, times, _, asked_us, history = case
    found = history.rows_at(history.indices(np.arange(len(asked_us)), lag))

    assert [times[place] if place >= 0 else None for place in found] == [
        _brute(case, row, lag) for row in range(len(asked_us))
    ]


def test_no_lag_is_longer_than_the_log(case):
    _, times, _, asked_us, history = case

    assert history.longest_us == asked_us.max() - times.min()
    assert (history.indices(np.arange(len(asked_us)), history.longest_us + 1) == -1).all()


def test_lags_lead_to_the_same_place_and_no_others_do(case):
    _, _, _, asked_us, history = case
    rows = np.arange(len(asked_us))
    places = history.indices(rows, 300)
    first, last = history.lags(rows, places)

    for row in rows:
        assert first[row] < 300 <= last[row] or (places[row] < 0 and first[row] < 300)
        if 0 < last[row] < 10**9:
            assert history.indices(np.array([row]), int(last[row]))[0] == places[row]
            assert history.indices(np.array([row]), int(last[row]) + 1)[0] != places[row]
        if first[row] > 0:
            assert history.indices(np.array([row]), int(first[row]))[0] != places[row]


def test_a_null_entity_has_no_history():
    history = EntityHistory(pa.array([None, "a"]), np.array([1, 1]), pa.array([None, "a"]), np.array([5, 5]))

    assert history.indices(np.arange(2), 1).tolist()[0] == -1
    assert history.rows_at(history.indices(np.arange(2), 1)).tolist() == [-1, 1]


def test_between_gives_every_place_where_they_are_few(case):
    entity, times, asked, asked_us, history = case
    rows, places = history.between(np.arange(len(asked_us)), 1, 5_000, 1000)
    for row in range(0, len(asked_us), 17):
        mine = times[history.rows_at(places[rows == row])]
        own = times[entity == asked[row]]
        known = _brute(case, row, 5_000)
        oldest = known if known is not None else -1
        expected = own[(own <= asked_us[row] - 1) & (own >= oldest)]
        assert set(mine) == set(expected)


@pytest.mark.parametrize("backwards", [False, True])
def test_places_come_closer_together_at_one_end(case, backwards):
    entity, times, asked, asked_us, history = case
    row = int(np.flatnonzero((asked < 20) & (asked_us > 9_000))[0])
    own = np.sort(times[entity == asked[row]])
    own = own[own <= asked_us[row] - 1]
    rows, places = history.between(np.array([row]), 1, 20_000, 6, power=3, backwards=backwards)
    ranks = np.searchsorted(own, times[history.rows_at(places)])
    from_end = ranks if backwards else len(own) - 1 - ranks

    assert rows.tolist() == [row] * 6
    assert (from_end[0], from_end[1], from_end[-1]) == (0, 1, len(own) - 1)
    assert (np.diff(from_end, 2) >= 0).all()


def test_the_densest_stretch_of_intervals():
    assert densest_lag(np.array([0, 5, 7, 50]), np.array([10, 9, 20, 60])) == (7, 9, 3)
    assert densest_lag(np.array([0, 10]), np.array([10, 20]))[2] == 1  # half-open: they only touch
    assert densest_lag(np.empty(0, np.int64), np.empty(0, np.int64)) == (0, 0, 0)


@pytest.mark.parametrize(
    ("above", "up_to", "seconds"),
    [(3500, 3700, 3600), (10_000, 11_500, 10_800), (80_000, 90_000, 86_400), (61, 62, 62)],
)
def test_the_roundest_lag(above, up_to, seconds):
    assert round_lag(above * 1_000_000, up_to * 1_000_000) == seconds * 1_000_000
