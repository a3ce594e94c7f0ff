"""An output layer that online has and the replay has not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import expit, logit
from scipy.stats import theilslopes

from replay.diagnosis.noise.calibration_layer import (
    CalibrationLayer,
    find_calibration_layer,
    is_identity_held,
    rows_with_logit,
)
from replay.diagnosis.noise.envelope import Envelope


def test_noise_alone_is_no_layer():
    rng = np.random.default_rng(0)
    replayed = rng.random(5000)

    assert find_calibration_layer(replayed, replayed + rng.normal(0, 1e-3, 5000)).is_identity
    assert find_calibration_layer(replayed, replayed).is_identity


def test_a_layer_is_found_under_a_third_of_bad_rows():
    rng = np.random.default_rng(0)
    replayed = rng.normal(size=5000)
    online = 2.0 * replayed + 1.0
    online[rng.random(5000) < 0.33] += 3.0
    layer = find_calibration_layer(replayed, online)

    assert (layer.offset, layer.scale, layer.logit) == (pytest.approx(1.0), pytest.approx(2.0), False)
    assert CalibrationLayer(0.0, 1.0).apply(replayed) is replayed


@pytest.mark.parametrize("layer", [CalibrationLayer(0.1, 0.5), CalibrationLayer(-1.0, 2.0, logit=True)])
def test_a_layer_is_undone(layer):
    scores = np.array([0.1, 0.5, 0.9, np.nan])
    moved = layer.apply(scores)
    expected = expit(-1.0 + 2.0 * logit(scores)) if layer.logit else 0.1 + 0.5 * scores

    np.testing.assert_allclose(moved, expected)
    np.testing.assert_allclose(layer.undo(moved), scores)


def test_the_line_is_that_of_theil_and_sen():
    rng = np.random.default_rng(0)
    replayed = rng.normal(size=400)
    online = 0.3 + 1.7 * replayed + rng.normal(0, 0.01, 400)
    expected = theilslopes(online, replayed)
    layer = find_calibration_layer(replayed, online)

    assert (layer.offset, layer.scale) == pytest.approx((expected.intercept, expected.slope), abs=0.005)


def test_a_line_on_the_logit_is_told_from_one_on_the_score():
    replayed = np.random.default_rng(0).uniform(0.02, 0.98, 500)
    layer = find_calibration_layer(replayed, expit(0.4 + 1.2 * logit(replayed)))

    assert (layer.offset, layer.scale, layer.logit) == (pytest.approx(0.4), pytest.approx(1.2), True)


@pytest.mark.parametrize("name", ["float16", "bfloat16", "decimals"])
def test_probabilities_that_were_rounded_to_an_end_do_not_hide_a_layer_on_the_logit(name):
    replayed = expit(np.random.default_rng(0).normal(0.0, 4.0, 5_000))
    served = expit(0.5 + 1.2 * logit(replayed))
    rounded = np.round(served, 3)
    online = rounded if name == "decimals" else torch.from_numpy(served).to(getattr(torch, name)).double().numpy()
    layer = find_calibration_layer(replayed, online)

    assert (online == 1.0).any()
    assert layer.logit
    assert (layer.offset, layer.scale) == pytest.approx((0.5, 1.2), abs=0.01)


def test_rows_with_a_logit():
    replayed = np.array([0.0, 0.2, 0.3, 0.9, 0.5])

    np.testing.assert_array_equal(
        rows_with_logit(replayed, np.array([0.1, 0.2, 0.3, 1.0, 0.5])), [False, True, True, False, True]
    )
    assert rows_with_logit(replayed, np.array([0.1, 0.2, 1.3, 0.9, 0.5])) is None  # no probabilities
    assert rows_with_logit(replayed, np.array([0.1, 1.0, 1.0, 0.9, 0.5])) is None  # most have none
    assert rows_with_logit(replayed[:0], replayed[:0]) is None


def test_few_rows_are_no_layer():
    replayed = np.linspace(0.0, 1.0, 50)

    assert find_calibration_layer(replayed, replayed + 0.5) == CalibrationLayer(pytest.approx(0.5), pytest.approx(1.0))
    assert find_calibration_layer(replayed[:49], replayed[:49] + 0.5).is_identity
    assert find_calibration_layer(replayed[:0], replayed[:0]).is_identity


@pytest.mark.parametrize("share", [0.15, 0.5])
def test_the_identity_holds_where_a_fair_part_of_the_rows_needs_no_layer(share):
    rng = np.random.default_rng(0)
    replayed = rng.uniform(0.02, 0.98, 5_000)
    layer = CalibrationLayer(0.4, 1.2, logit=True)
    online = np.where(rng.random(5_000) < share, replayed, layer.apply(replayed))
    tolerance = Envelope(1e-7, 1e-6)

    assert is_identity_held(replayed, online, layer, tolerance)
    # Held against the inverse, it is the same question.
    inverse = CalibrationLayer(-0.4 / 1.2, 1 / 1.2, logit=True)
    assert is_identity_held(online, np.where(online == replayed, online, replayed), inverse, tolerance)


def test_scores_that_a_layer_leaves_where_they_are_are_no_fair_part():
    replayed = np.random.default_rng(0).uniform(0.02, 0.98, 5_000)
    layer = CalibrationLayer(0.25, 0.5)

    assert not is_identity_held(replayed, layer.apply(replayed), layer, Envelope(0.01, 0.0))
