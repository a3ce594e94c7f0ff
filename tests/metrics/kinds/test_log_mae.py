from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from replay.metrics.kinds.log_mae import LogMae


def without_noise(share, distance, variance):
    """What DerSimonian and Laird's (1986) random effects leave of the plain sum, by scipy's folded normal."""
    share, distance, variance = map(np.asarray, (share, distance, variance))
    fixed = 1 / variance
    mean = np.average(distance, weights=fixed)
    spread = fixed @ (distance - mean) ** 2 - (len(distance) - 1)
    between = max(spread / (fixed.sum() - (fixed @ fixed) / fixed.sum()), 0.0) if len(distance) > 1 else 0.0
    mean = np.average(distance, weights=1 / (variance + between))

    def size(of):
        deviation = np.sqrt(of)
        return np.where(
            of > 0, stats.foldnorm.mean(abs(mean) / np.maximum(deviation, 1e-300), scale=deviation), abs(mean)
        )

    noise = share @ (size(variance + between) - size(np.full(len(share), between)))
    return max(share @ np.abs(distance) - noise, 0.0)


def variance_of(score, label, weight=None):
    """Of ln(S / Y) of the rows of one bucket."""
    weight = np.ones(len(score)) if weight is None else weight
    off = weight * (score / (weight @ score) - label / (weight @ label))
    return off @ off


def test_ten_buckets_by_hand():
    # Bucket k has 80 rows of score (k + 1) / 16 (exact in binary) and 20 positives: the rate is 1/4 throughout.
    levels = (np.arange(10) + 1) / 16
    score = np.repeat(levels, 80)
    label = np.tile([1] * 20 + [0] * 60, 10).astype(float)
    variance = variance_of(np.full(80, 0.5), label[:80])  # scores that are all the same leave that of ln Y
    expected = without_noise(np.full(10, 0.1), np.log(levels / 0.25), np.full(10, variance))
    assert LogMae().update(score, label).compute().value == pytest.approx(expected, rel=1e-6)
    assert expected < np.mean(np.abs(np.log(levels / 0.25)))


def test_weights_move_bucket_edges_and_means():
    # Two scores; the first carries 3/4 of the weight. Rates: 1/2 and 1/2. |ln(.25/.5)| = ln 2, |ln(.5/.5)| = 0.
    score, label = np.repeat([0.25, 0.5], 16), np.tile([0.0, 1.0], 16)
    weight = np.repeat([3.0, 1.0], 16)
    variances = [variance_of(score[part], label[part], weight[part]) for part in (slice(16), slice(16, 32))]
    found = LogMae().update(score, label, weight).compute()
    assert found.value == pytest.approx(without_noise([0.75, 0.25], np.log([0.5, 1.0]), variances), rel=1e-6)


def test_buckets_of_fewer_than_five_positives_join_their_neighbour():
    # The lowest has 4 of 16 and joins the middle one: S = 2 + 4, Y = 4 + 8; the last, with none, joins them too.
    score = np.repeat([0.125, 0.25, 0.5], 16)
    label = np.concatenate([np.repeat([1.0, 0.0], [count, 16 - count]) for count in (4, 8, 0)])
    expected = without_noise([1.0], np.log([14 / 12]), [variance_of(score, label)])
    assert LogMae().update(score, label).compute().value == pytest.approx(expected, rel=1e-6)


def test_of_fewer_positives_than_a_bucket_takes_all_rows_are_one():
    score, label = np.repeat([0.125, 0.5], 8), np.repeat([0.0, 1.0], [13, 3])
    found = LogMae().update(score, label).compute()
    assert found.value == pytest.approx(without_noise([1.0], np.log([5 / 3]), [variance_of(score, label)]), rel=1e-6)
    assert found.reason == "no interval: 3 positives, and it takes 30"


@pytest.mark.parametrize(("rate", "off"), [(0.1, 0.0), (0.4, 0.0), (0.1, 0.09), (0.4, 0.09), (0.1, 0.3)])
def test_noise_is_taken_off(rate, off):
    """A plain sum is too high by 0.8 standard errors of a bucket's logarithm where the scores are right."""
    plain = 0.8 * np.sqrt((1 - rate) / (200 * rate))
    rng = np.random.default_rng(3)
    values = []
    for _ in range(150):
        true = rng.beta(4 * rate, 4 * (1 - rate), 2000)
        label = (rng.random(2000) < true).astype(float)
        values.append(LogMae().update(true * np.exp(-off), label).compute().value)
    assert np.mean(values) == pytest.approx(off, abs=plain / 2 if off == 0 else plain / 8)


def test_calibrated_scores_come_near_0():
    rng = np.random.default_rng(0)
    score = rng.beta(2, 8, 200_000)
    label = (rng.random(score.size) < score).astype(float)
    good, off = LogMae().update(score, label).compute(), LogMae().update(score * 0.9, label).compute()
    assert good.value < 0.02
    assert off.value == pytest.approx(-np.log(0.9), abs=0.02)
    assert good.low < good.value < good.high < off.low


def test_interval_is_as_wide_as_a_jackknifes_of_the_plain_sum():
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
    assert found.value == pytest.approx(value(everything), rel=0.02)
    assert (found.high - found.low) / 2 == pytest.approx(stats.t.ppf(0.975, 9) * error, rel=0.05)
