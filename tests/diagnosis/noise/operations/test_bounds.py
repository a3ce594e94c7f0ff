"""A floor and a cap of logged scores."""

from __future__ import annotations

import numpy as np
import pytest

from replay.diagnosis.noise.envelope import Envelope
from replay.diagnosis.noise.operation import ScorePair
from replay.diagnosis.noise.operations.bounds import away_from_ends, find_bounds

REPLAYED = np.random.default_rng(0).uniform(0.0, 1.0, 20_000)


def find(online):
    return find_bounds(ScorePair(online, REPLAYED, Envelope(1e-7, 1e-6)))


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.1, None, "never below 0.1"),
        (None, 0.95, "never above 0.95"),
        (0.3, 0.8, "never below 0.3 and never above 0.8"),
    ],
)
def test_a_floor_a_cap_and_both(low, high, words):
    online = np.clip(REPLAYED, low, high)
    found = find(online)

    assert found.words.startswith(words)
    assert found.share == pytest.approx(np.mean(online != REPLAYED), abs=1e-3)
    np.testing.assert_array_equal(found.apply(REPLAYED), online)
    np.testing.assert_array_equal(found.apply(np.array([np.nan])), [np.nan])
    assert away_from_ends(online).mean() == pytest.approx(1 - found.share, abs=1e-3)


def test_a_floor_while_a_third_of_the_rows_is_bad():
    online = np.maximum(np.where(np.arange(20_000) < 6_000, REPLAYED * 0.5 + 0.3, REPLAYED), 0.1)

    assert find(online).low == 0.1


@pytest.mark.parametrize("fallback", [0.0, 0.5, 1.0])
def test_a_score_that_is_fallen_back_on_is_no_bound(fallback):
    online = np.where(np.random.default_rng(1).random(20_000) < 0.1, fallback, REPLAYED)

    assert find(online) is None


def test_no_bound():
    assert find(REPLAYED) is None
    assert find(np.full(20_000, 0.5)) is None
    assert away_from_ends(REPLAYED).all()
    assert len(away_from_ends(REPLAYED[:0])) == 0
