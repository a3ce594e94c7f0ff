"""Who is affected in a stretch of time."""

from __future__ import annotations

import numpy as np
import pytest

from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.incidents.scan_counts import ScanCounts
from replay.diagnosis.incidents.signals import Signal
from replay.diagnosis.incidents.slices import choose_slice

NUM_ROWS = 6_000
FIRST, LAST = 2_000, 3_500
VALUES = {"surface": ("home", "feed"), "country": ("DE", "US", "FR", "JP"), "os": ("ios", "android")}


def choose(**affected: str | tuple[str, ...]):
    """The slice that is chosen where nine tenths of these values' rows are bad for a while, and the rows in it."""
    rng = np.random.default_rng(0)
    segments = {
        name: (rng.integers(0, len(values), NUM_ROWS).astype(np.int32), values) for name, values in VALUES.items()
    }
    scores = np.zeros(NUM_ROWS)
    rows = RowTable(np.arange(NUM_ROWS) * 100_000, scores, scores, segments)
    inside = np.ones(NUM_ROWS, bool)
    for name, values in affected.items():
        codes, known = segments[name]
        inside &= np.isin(codes, [known.index(one) for one in np.atleast_1d(values)])
    rate = np.full(NUM_ROWS, 0.02)
    rate[FIRST:LAST] = np.where(inside[FIRST:LAST], 0.9, 0.02)
    counts = ScanCounts(rows, 60_000_000)
    counts.add(Signal("mismatch", (rng.random(NUM_ROWS) < rate).astype(float), rows.counts, None, 1.0))
    model = counts.model(0, 0.5)
    assert model is not None
    return choose_slice(counts, 0, model, FIRST, LAST), rows


@pytest.mark.parametrize(
    "segments",
    [
        {},
        {"surface": "feed"},
        {"country": "JP"},
        {"surface": "home", "country": "US"},
        {"surface": "home", "country": "US", "os": "ios"},  # pairs are all that is counted: the third is added
    ],
)
def test_the_slice_that_was_hit_is_chosen(segments):
    choice, rows = choose(**segments)

    assert choice.segments == segments
    np.testing.assert_array_equal(choice.inside, rows.in_slice(segments))
    assert choice.score > 0
    assert choice.baseline < 0.1


def test_of_two_values_that_were_hit_one_is_chosen():
    """Not all traffic: the other is an incident of its own, found when this one is taken out."""
    choice, _ = choose(country=("DE", "US"))

    assert list(choice.segments) == ["country"]
    assert choice.segments["country"] in ("DE", "US")
