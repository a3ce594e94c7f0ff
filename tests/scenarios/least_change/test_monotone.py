from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

from replay.metrics.histogram import Histogram
from replay.scenarios.least_change.monotone import MonotoneMap

Numbers = NDArray[np.float64]

DRAWS = np.random.default_rng(3)
COLUMNS = {
    "counts": (DRAWS.poisson(3, 4000).astype(float), DRAWS.poisson(4, 3000).astype(float)),
    "a spike": (DRAWS.choice([0.0, 1.0, 1.5], 5000), DRAWS.choice([0.0, -1.0, 1.5], 1000, p=[0.5, 0.25, 0.25])),
    "amounts": (DRAWS.lognormal(0, 1, 4000), DRAWS.lognormal(0.3, 1.2, 4000)),
    "signs": (DRAWS.normal(0, 1, 4000), DRAWS.normal(-0.5, 2, 5000)),
}


def counted(values: Numbers, most: int = 2**16) -> Histogram:
    histogram = Histogram(1, max_bins=most)
    histogram.add(values, np.zeros(len(values), np.int64))
    return histogram


def transport(here: Numbers, there: Numbers, most: int = 2**16) -> MonotoneMap:
    return MonotoneMap.between(counted(here, most), counted(there, most))


def ranks(values: Numbers) -> Numbers:
    """Where each row lies among those with its number, all at the same distance: chance without noise."""
    order = np.argsort(values, kind="stable")
    _, first, counts = np.unique(values[order], return_index=True, return_counts=True)
    among = np.empty(len(values))
    among[order] = (np.arange(len(values)) - np.repeat(first, counts) + 0.5) / np.repeat(counts, counts)
    return among


def reference(here: Numbers, there: Numbers, shares: Numbers) -> Numbers:
    """The quantile of the reference at each row's rank, by a sort of both."""
    order = np.argsort(here, kind="stable")
    low = np.searchsorted(here[order], here, side="left")
    high = np.searchsorted(here[order], here, side="right")
    rank = (low + (high - low) * shares) / len(here)
    return np.quantile(there, rank, method="inverted_cdf")


@pytest.mark.parametrize("name", COLUMNS)
def test_each_number_becomes_the_references_quantile(name):
    here, there = COLUMNS[name]
    shares = ranks(here)

    np.testing.assert_array_equal(transport(here, there).map(here, shares), reference(here, there, shares))


@pytest.mark.parametrize("name", COLUMNS)
def test_the_distances_are_those_of_optimal_transport(name):
    here, there = COLUMNS[name]

    after = transport(here, there).map(here, ranks(here))

    assert np.abs(after - here).mean() == pytest.approx(wasserstein_distance(here, there), rel=0.01)
    assert wasserstein_distance(after, there) < 0.01 * wasserstein_distance(here, there)


@pytest.mark.parametrize("most", [64, 500])
def test_cells_of_numbers_are_as_good_as_their_width(most):
    here, there = COLUMNS["signs"]

    after = transport(here, there, most).map(here, ranks(here))

    widest = 2 * np.abs(there).max() / (most / 16)  # a cell is a part of a power of two; some are empty
    assert wasserstein_distance(after, there) < widest
    assert np.all(np.diff(after[np.argsort(here, kind="stable")]) >= -widest)


@pytest.mark.parametrize("most", [64, 2**16])
@pytest.mark.parametrize("name", COLUMNS)
def test_the_same_distribution_moves_nobody(name, most):
    here = COLUMNS[name][0]
    one = transport(here, np.tile(here, 3), most)

    for shares in (np.zeros(len(here)), np.full(len(here), np.nextafter(1.0, 0.0)), ranks(here)):
        np.testing.assert_array_equal(one.map(here, shares), here)
    assert one.moved == pytest.approx(0.0, abs=1e-12)


def test_ties_are_split_by_chance_by_hand():
    """Half 0 and half 1, to 0.3 of 0, 0.3 of 1 and 0.4 of 2: zeros above rank 0.3 become 1, ones above 0.6 become 2."""
    one = transport(np.array([0.0, 1.0]), np.array([0.0] * 3 + [1.0] * 3 + [2.0] * 4))

    shares = np.array([0.0, 0.59, 0.61, 0.99])
    assert one.map(np.zeros(4), shares).tolist() == [0, 0, 1, 1]
    assert one.map(np.ones(4), np.array([0.0, 0.19, 0.21, 0.99])).tolist() == [1, 1, 2, 2]
    assert one.moved == pytest.approx(0.2 + 0.4)


@pytest.mark.parametrize("name", COLUMNS)
def test_the_share_that_moves_is_told(name):
    here, there = COLUMNS[name]
    one = transport(here, there)

    assert np.mean(one.map(here, ranks(here)) != here) == pytest.approx(one.moved, abs=0.005)


def test_a_number_that_was_not_seen_goes_where_its_neighbours_go():
    one = transport(np.array([0.0, 10.0, 20.0, 30.0]), np.array([1.0, 11.0, 21.0, 31.0]))

    assert one.map(np.array([-5.0, 5.0, 25.0, 99.0]), np.full(4, 0.5)).tolist() == [1, 1, 21, 31]


def test_draws_have_the_references_distribution():
    there = np.array([1.0, 1.0, 2.0, 5.0])
    one = transport(np.array([0.0]), there)

    assert one.draw(np.array([0.0, 0.49, 0.5, 0.74, 0.75, 0.99])).tolist() == [1, 1, 2, 2, 5, 5]
