import numpy as np
import pytest

from replay.diagnosis.incidents.onset import is_gradual


def draw(rate, seed=0):
    return (np.random.default_rng(seed).random(len(rate)) < rate).astype(float)


@pytest.mark.parametrize("plateau", [0.0, 0.5, 0.8])
def test_a_rising_share(plateau):
    ramp = np.minimum(np.linspace(0, 1 / (1 - plateau), 4000), 1.0) if plateau else np.linspace(0, 1, 4000)

    assert is_gradual(draw(0.5 * ramp))


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("share", [0.05, 0.5, 1.0])
def test_a_step(share, seed):
    assert not is_gradual(draw(np.full(4000, share), seed))


def test_a_falling_share_is_no_onset():
    assert not is_gradual(draw(np.linspace(1, 0.2, 4000)))


def test_a_drift_downwards():
    assert is_gradual(np.random.default_rng(0).normal(-np.linspace(0, 1, 4000), 1.0))


def test_too_few_rows_to_tell():
    assert not is_gradual(np.array([0.0, 0.0, 1.0, 1.0]))
