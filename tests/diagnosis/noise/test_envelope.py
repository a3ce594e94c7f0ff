"""The bound that noise keeps and bad rows do not widen."""

from __future__ import annotations

import numpy as np
import pytest

from replay.diagnosis.noise.envelope import NUMERIC_REL, fit_envelope


@pytest.mark.parametrize("draw", ["normal", "laplace", "uniform"])
def test_the_envelope_holds_all_noise(draw):
    rng = np.random.default_rng(0)
    size = rng.random(100_000)
    away = np.abs(getattr(rng, draw)(size=100_000) if draw != "uniform" else rng.uniform(-1, 1, 100_000))
    envelope = fit_envelope(size, away * (0.001 + 0.01 * size))
    bound = envelope.abs + envelope.rel * size

    assert (away * (0.001 + 0.01 * size) <= bound).mean() > 0.99998
    assert np.median(bound / (0.001 + 0.01 * size)) < 20


def test_scores_that_agree_to_the_bit():
    size = np.linspace(0.1, 1.0, 10_000)
    away = np.zeros(10_000)
    away[::20] = 0.1

    assert fit_envelope(size, away).rel == 1e-6
    away[::5] = 0.1
    assert fit_envelope(size, away, plausible=0.01).rel == 1e-6


@pytest.mark.parametrize("is_relative", [False, True])
def test_the_bound_has_the_form_of_the_noise(is_relative):
    """Uniform noise never goes beyond its largest value: a bound is at least that, in the form that it has."""
    rng = np.random.default_rng(0)
    size = rng.uniform(0.01, 1.0, 50_000)
    away = rng.uniform(0.0, 0.01, 50_000) * (size if is_relative else 1.0)
    envelope = fit_envelope(size, away)

    if is_relative:
        assert envelope.rel > 0.01
        assert envelope.abs < 0.01 * np.median(size)
    else:
        assert 0.01 < envelope.abs < 0.1
        assert envelope.rel < 0.01


def test_rows_that_are_bad_stay_far_beyond_it():
    rng = np.random.default_rng(0)
    size = rng.random(50_000)
    quiet = np.abs(rng.normal(0, 1e-3, 50_000))
    envelope = fit_envelope(size, np.where(rng.random(50_000) < 0.2, 0.5, quiet))
    bound = envelope.abs + envelope.rel * size

    assert (quiet <= bound).all()
    assert bound.max() < 0.05


def test_it_is_never_below_float32():
    size = np.full(1000, 0.25)
    envelope = fit_envelope(size, np.zeros(1000))

    assert (envelope.abs, envelope.rel) == (0.25 * NUMERIC_REL, NUMERIC_REL)
