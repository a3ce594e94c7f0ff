"""What evidence is divided by."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from replay.diagnosis.incidents.background.overdispersion import (
    Episode,
    Overdispersion,
    measure_overdispersion,
    most_events,
)
from replay.diagnosis.incidents.clusters import Clusters
from replay.diagnosis.incidents.level import Level
from replay.diagnosis.incidents.likelihood import MismatchModel

CELLS = 1_024
NUM = np.full((CELLS, 1), 100.0)
ONES = Clusters.of_sizes(np.ones(10_000, dtype=np.int64))


def model(rate):
    return MismatchModel(Level(rate, 1.0, 0.0, np.ones(CELLS, dtype=bool)), ONES, least_rows=8)


def poisson(rate, seed=0):
    return np.random.default_rng(seed).poisson(rate * NUM).astype(np.float64)


@pytest.mark.parametrize("seed", range(3))
def test_a_poisson_background_leaves_evidence_as_it_is(seed):
    found = measure_overdispersion(NUM, poisson(0.05, seed), model(0.05))

    # The bound is a bound: what it allows is hardly ever reached.
    assert found.factors[found.lengths <= 64].max() < 1.3


@pytest.mark.parametrize("number", [1, 2, 10])
def test_bursts_are_worth_what_could_have_been_seen_of_them(number):
    """Cells of 60, where a little over 5 are expected.

    None has more, so that up to -log(0.1) could have been seen in 1,024; all have just less, so that up to the upper
    end of the interval of their number could.
    """
    total = np.full((CELLS, 1), 5.0)
    total[50 : 50 + 100 * number : 100] = 60.0
    found = measure_overdispersion(NUM, total, model(0.05))
    usual = float(model(0.05).baselines(NUM, total)[0]) * 100.0
    nats = 60 * np.log(60 / usual) - 60 + usual
    most = stats.chi2.ppf(0.9, 2 * number + 2) / 2
    expected = max(nats / np.log(CELLS / -np.log(0.1)), nats / np.log(CELLS / most))

    assert found.at(1) == pytest.approx(expected, rel=0.02)
    assert 1.0 <= found.at(32) < found.at(1)


def test_what_is_left_of_an_incident_is_no_measure():
    total = np.full((CELLS, 1), 5.0)
    total[[100, 700]] = 60.0
    taken = np.zeros(CELLS, dtype=bool)
    taken[[100, 700]] = True

    assert measure_overdispersion(NUM, total, model(0.05), taken=taken).at(1) == 1.0


def test_an_incident_of_all_the_time_leaves_the_traffic_around_it():
    """Taken out at all times, but of one slice: the other one still says how the traffic is."""
    num, total = np.repeat(NUM, 2, axis=1), np.full((CELLS, 2), 5.0)
    total[50::100, 0] = 60.0
    found = measure_overdispersion(num, total, model(0.05), taken=np.ones(CELLS, dtype=bool))

    assert found.at(1) > 10.0


def test_a_level_that_wanders_is_seen_where_windows_are_long_enough_and_grows_no_faster_than_they_do():
    level = 0.05 * np.exp(0.3 * np.sin(np.arange(CELLS) / 20.0))[:, None]
    total = np.random.default_rng(0).poisson(level * NUM).astype(np.float64)
    found = measure_overdispersion(NUM, total, model(0.05))
    index = int(np.argmax(found.factors > 1.6))

    assert found.at(1) < 1.5
    assert found.lengths[index] <= 64
    growth = (found.factors[index + 1 :] - 1.0) / (found.factors[index] - 1.0)
    assert (growth <= found.lengths[index + 1 :] / found.lengths[index] * 1.001).all()


def test_too_few_windows_of_a_length_leave_what_shorter_ones_allow():
    """Four windows are the fewest that say something: what is not seen of a factor grows with the length."""
    found = measure_overdispersion(NUM, np.full((CELLS, 1), 5.0), model(0.05))

    assert found.factors[found.lengths <= 256].tolist() == [1.0] * int((found.lengths <= 256).sum())
    assert found.at(512) == pytest.approx(1.0 + 0.25 * 2)
    assert found.at(CELLS) == pytest.approx(1.0 + 0.25 * 4)


def test_a_table_of_a_few_cells_says_nothing():
    few = MismatchModel(Level(0.05, 1.0, 0.0, np.ones(3, dtype=bool)), ONES, least_rows=8)

    assert measure_overdispersion(NUM[:3], np.full((3, 1), 50.0), few).factors.tolist() == [1.0] * 3


@pytest.mark.parametrize("seen", [0, 1, 3, 10, 100])
def test_most_events_is_the_upper_end_of_a_poisson_interval(seen):
    assert most_events(np.array([seen]))[0] == pytest.approx(stats.chi2.ppf(0.9, 2 * seen + 2) / 2, rel=0.01)


@pytest.mark.parametrize(("number", "divided"), [(3, False), (5, False), (6, True), (12, True)])
def test_more_than_five_stretches_are_how_the_traffic_is(number, divided):
    total = np.full((CELLS, 1), 5.0)
    found = measure_overdispersion(NUM, total, model(0.05), [Episode(1, 90.0)] * number)

    assert (found.at(1) > 10.0) == divided
    # What stood out in windows of one cell says nothing of longer ones.
    assert found.at(16) < 2.0


def test_a_part_of_the_rows_has_that_part_of_what_is_over_one():
    """Of 320 cells, windows of up to ten are 32 or more; a fifth of the rows has a fifth of the excess."""
    whole = Overdispersion(np.array([1, 10, 100, 320]), np.array([2.0, 6.0, 60.0, 200.0]))

    assert whole.of_a_part(1, 0.2) == pytest.approx(1.2)
    assert whole.of_a_part(10, 0.2) == whole.of_a_part(300, 0.2) == pytest.approx(2.0)
    assert whole.of_a_part(10, 0.0) == 1.0


def test_between_two_lengths_the_larger_factor_holds():
    measured = Overdispersion(np.array([1, 4, 8]), np.array([1.0, 3.0, 2.0]))

    assert [measured.at(length) for length in (1, 2, 4, 6, 8, 20)] == [1.0, 3.0, 3.0, 3.0, 2.0, 2.0]
