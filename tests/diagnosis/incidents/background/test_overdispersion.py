"""What evidence is divided by."""

from __future__ import annotations

import numpy as np
import pytest

from replay.diagnosis.incidents.background.overdispersion import Episode, measure_overdispersion
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


def test_bursts_are_worth_what_their_number_says():
    """Ten cells of 60, where 5.6 are expected with them: of 60 log(60 / 5.6) - 54.4 nats, and worth log(1024 / 10)."""
    total = np.full((CELLS, 1), 5.0)
    total[50::100] = 60.0
    found = measure_overdispersion(NUM, total, model(0.05))
    expected = (60 * np.log(60 / 5.6) - 54.4) / np.log(1024 / 10)

    assert found.at(1) == pytest.approx(expected, rel=0.03)
    assert 1.0 <= found.at(10_000) < found.at(1)


def test_a_stretch_or_two_are_no_measure():
    total = np.full((CELLS, 1), 5.0)
    total[[100, 700]] = 60.0

    assert measure_overdispersion(NUM, total, model(0.05)).at(1) == 1.0


@pytest.mark.parametrize(("number", "divided"), [(3, False), (5, False), (6, True), (12, True)])
def test_more_than_five_stretches_are_how_the_traffic_is(number, divided):
    total = np.full((CELLS, 1), 5.0)
    found = measure_overdispersion(NUM, total, model(0.05), [Episode(1, 90.0)] * number)

    assert (found.at(1) > 10.0) == divided
    # What stood out in windows of one cell says nothing of longer ones.
    assert found.at(16) < 2.0
