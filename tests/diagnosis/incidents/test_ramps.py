import numpy as np
import pytest

from replay.diagnosis.incidents.ramps import find_ramp, is_gradual


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


NUM_ROWS = 4000
TIMES = np.arange(NUM_ROWS)


def shares(*levels):
    """Levels, each for a number of rows."""
    return np.concatenate([np.full(num, level) for level, num in levels])


LINES = {
    "a slope": (np.minimum(1.0, np.linspace(2, 0, NUM_ROWS)), 2000, 300),
    "a short slope": (np.minimum(1.0, np.linspace(5, 0, NUM_ROWS)), 3200, 200),
    "one step": (shares((0.9, 3000), (0.3, 1000)), 3000, 40),
    "two steps": (shares((0.9, 2000), (0.6, 1000), (0.3, 1000)), 2000, 80),
    "uneven steps": (shares((1.0, 2600), (0.7, 400), (0.2, 1000)), 2600, 60),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("case", LINES)
def test_when_it_fades(case, seed):
    share, first, within = LINES[case]
    found = find_ramp(draw(0.9 * share, seed), TIMES, "fade")

    assert (found.first, found.last) == (pytest.approx(first, abs=within), NUM_ROWS)
    assert find_ramp(draw(0.9 * share, seed), TIMES, "onset") is None


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("case", LINES)
def test_an_onset_is_a_fade_backwards(case, seed):
    share, first, within = LINES[case]
    found = find_ramp(draw(0.9 * share[::-1], seed), TIMES, "onset")

    assert (found.first, found.last) == (0, pytest.approx(NUM_ROWS - first, abs=within))


@pytest.mark.parametrize("seed", range(5))
def test_in_and_out(seed):
    value = draw(np.minimum(0.9, 2.7 * np.minimum(np.linspace(0, 1, NUM_ROWS), np.linspace(1, 0, NUM_ROWS))), seed)

    assert find_ramp(value, TIMES, "onset").last == pytest.approx(NUM_ROWS / 3, abs=200)
    assert find_ramp(value, TIMES, "fade").first == pytest.approx(NUM_ROWS * 2 / 3, abs=200)


def test_a_line_is_one_in_time_not_in_rows():
    """Three quarters of the rows come in the last quarter of the time."""
    times = np.concatenate([np.linspace(0, 3e6, 5000), np.linspace(3e6, 4e6, 15000)]).astype(np.int64)
    share = 0.9 * np.minimum(1.0, times / 3.5e6)
    found = find_ramp(draw(share), times, "onset")

    assert times[found.last - 1] == pytest.approx(3.5e6, abs=1e5)


@pytest.mark.parametrize("side", ["onset", "fade"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 1.0])
def test_a_level_share_has_no_ramp(share, side):
    """Rows alone, and requests of ten rows that are hit as one."""
    for seed in range(20):
        rows = draw(np.full(NUM_ROWS, share), seed)
        requests = np.repeat(draw(np.full(NUM_ROWS // 10, share), seed), 10)
        assert find_ramp(rows, TIMES, side) is None
        assert find_ramp(requests, TIMES, side) is None


def test_too_few_rows_have_no_ramp():
    assert find_ramp(np.array([1.0] * 12 + [0.0] * 12), np.arange(24), "fade") is None


def test_a_shift_that_wears_off():
    value = np.random.default_rng(0).normal(-np.minimum(1.0, np.linspace(2, 0, NUM_ROWS)), 1.0)

    assert find_ramp(value, TIMES, "fade").first == pytest.approx(2000, abs=400)
