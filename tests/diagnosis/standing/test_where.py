"""Whom a standing cause hits: hosts, a shard of the users, or anyone."""

from __future__ import annotations

import numpy as np
import pytest

from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.standing.where import find_whereabouts

NUM_ROWS = 20_000
RNG = np.random.default_rng(0)
HOST = RNG.integers(0, 20, NUM_ROWS).astype(np.int32)
COUNTRY = RNG.integers(0, 5, NUM_ROWS).astype(np.int32)
USER = RNG.integers(0, 800, NUM_ROWS)
EVERY = np.ones(NUM_ROWS, bool)


def table(**given) -> RowTable:
    scores = np.zeros(NUM_ROWS)
    hosts, countries = tuple(f"h{host}" for host in range(20)), tuple("abcde")
    segments = {"host": (HOST, hosts), "country": (COUNTRY, countries)}
    return RowTable(np.arange(NUM_ROWS), scores, scores, segments, entity=USER, **given)


def whereabouts(hit: np.ndarray, rows: RowTable | None = None, sampled: int = 400):
    """Where the hit rows are, told from so many of them."""
    all_hit = np.flatnonzero(hit)
    explained = np.sort(np.random.default_rng(1).permutation(all_hit)[:sampled])
    return find_whereabouts(rows or table(), EVERY, hit, explained, len(all_hit) / len(explained))


@pytest.mark.parametrize("hosts", [[7], [3, 7, 11], [0, 1, 2, 3, 4, 5]])
def test_one_host_or_some(hosts):
    found = whereabouts(np.isin(HOST, hosts))

    assert found.segments == {"host": tuple(f"h{host}" for host in hosts)}
    assert found.rate == pytest.approx(1.0)


def test_a_host_of_one_country_and_the_share_of_its_rows():
    inside = (HOST == 7) & (COUNTRY == 2)
    found = whereabouts(inside & (np.arange(NUM_ROWS) % 2 == 0))

    assert found.segments == {"country": ("c",), "host": ("h7",)}
    assert found.rate == pytest.approx(0.5, abs=0.1)


def test_a_row_that_agrees_by_chance_elsewhere_takes_nothing_from_the_slice():
    hit = HOST == 7
    hit[np.flatnonzero(HOST == 2)[:8]] = True

    assert whereabouts(hit).segments == {"host": ("h7",)}


@pytest.mark.parametrize("count", [20, 40, 400])
def test_rows_of_anyone_are_no_slice(count):
    """Twenty rows lie on some hosts and not on others, whatever happened."""
    hit = np.zeros(NUM_ROWS, bool)
    hit[np.random.default_rng(2).permutation(NUM_ROWS)[:count]] = True
    found = whereabouts(hit)

    assert (found.segments, found.entities) == ({}, None)


def test_a_column_in_which_every_row_has_a_value_of_its_own_is_no_slice():
    codes = np.arange(NUM_ROWS, dtype=np.int32)
    rows = RowTable(
        np.arange(NUM_ROWS), np.zeros(NUM_ROWS), np.zeros(NUM_ROWS), {"id": (codes, tuple(map(str, codes)))}
    )
    hit = np.zeros(NUM_ROWS, bool)
    hit[::100] = True

    assert whereabouts(hit, rows).segments == {}


def test_most_of_the_traffic_is_no_slice():
    assert whereabouts(COUNTRY != 0).segments == {}


def test_a_shard_of_the_users_is_the_same_ones_each_time():
    """A sixteenth of 800 users: 50; of their rows a third shows it."""
    found = whereabouts((USER % 16 == 3) & (np.arange(NUM_ROWS) % 3 == 0))

    assert (found.segments, found.entities, found.all_entities) == ({}, 50, 800)


def test_requests_that_are_hit_as_a_whole_are_no_shard():
    """Ten rows at a time are one request of one user: other requests of these users are as good as those of others."""
    request = np.arange(NUM_ROWS) // 10
    user = np.random.default_rng(3).integers(0, 800, NUM_ROWS // 10)[request]
    hit = (np.random.default_rng(4).random(NUM_ROWS // 10) < 0.05)[request]
    rows = RowTable(np.arange(NUM_ROWS), np.zeros(NUM_ROWS), np.zeros(NUM_ROWS), entity=user)

    assert whereabouts(hit, rows).entities is None
