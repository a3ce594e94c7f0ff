from __future__ import annotations

import numpy as np
import pytest

from replay.metrics.kinds.log_mae import LogMae


def test_ten_buckets_by_hand():
    # Bucket k has 20 rows of score (k + 1) / 16 (exact in binary) and 5 positives: the rate is 1/4 throughout.
    score = np.repeat((np.arange(10) + 1) / 16, 20)
    label = np.tile([1] * 5 + [0] * 15, 10).astype(float)
    expected = np.mean(np.abs(np.log((np.arange(10) + 1) / 16 / 0.25)))
    assert LogMae().update(score, label).compute().value == pytest.approx(expected, rel=1e-12)


def test_weights_move_bucket_edges_and_means():
    # Two scores; the first carries 3/4 of the weight. Rates: 1/2 and 1/2. |ln(.25/.5)| = ln 2, |ln(.5/.5)| = 0.
    score, label = np.array([0.25, 0.25, 0.5, 0.5]), np.array([0.0, 1.0, 0.0, 1.0])
    found = LogMae().update(score, label, np.array([3.0, 3.0, 1.0, 1.0])).compute()
    assert found.value == pytest.approx(0.75 * np.log(2), rel=1e-12)


def test_buckets_without_positives_join_their_neighbour():
    # The lowest bucket joins the middle one: S = .25 + .25, Y = 1; the last joins the one below it.
    score = np.repeat([0.125, 0.25, 0.5], 2)
    label = np.array([0, 0, 1, 0, 0, 0.0])
    assert LogMae().update(score, label).compute().value == pytest.approx(np.log(1.75), rel=1e-12)


def test_calibrated_scores_come_near_0():
    rng = np.random.default_rng(0)
    score = rng.beta(2, 8, 200_000)
    label = (rng.random(score.size) < score).astype(float)
    good, off = LogMae().update(score, label).compute(), LogMae().update(score * 0.9, label).compute()
    assert good.value < 0.02
    assert off.value == pytest.approx(-np.log(0.9), abs=0.02)
    assert good.low < good.value < good.high < off.low


def test_interval_equals_a_jackknife():
    rng = np.random.default_rng(1)
    bins = np.array([0.0625, 0.25, 0.5])
    score = np.repeat(bins, 200)
    # Far from calibrated in every bucket: an absolute value has no slope at 0.
    label = (rng.random(600) < score * 1.8).astype(float)
    found = LogMae().update(score, label).compute()

    def value(keep):
        parts = [keep & (score == one) for one in bins]
        return sum(part.sum() / keep.sum() * abs(np.log(score[part].sum() / label[part].sum())) for part in parts)

    everything = np.ones(600, dtype=bool)
    without = np.array([value(everything & (np.arange(600) != row)) for row in range(600)])
    error = np.sqrt(599 / 600 * np.sum((without - without.mean()) ** 2))
    assert found.value == pytest.approx(value(everything), rel=1e-12)
    assert (found.high - found.low) / 2 == pytest.approx(1.959964 * error, rel=0.05)
