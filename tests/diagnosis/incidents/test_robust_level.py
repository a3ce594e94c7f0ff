import numpy as np
import pytest

from replay.diagnosis.incidents.robust_level import find_robust_level


def test_a_clean_series_keeps_its_mean_and_spread():
    values = np.random.default_rng(0).normal(5.0, 2.0, 2000)
    steady = find_robust_level(values)

    assert steady.quiet.mean() > 0.99
    assert steady.center == pytest.approx(values.mean(), abs=0.05)
    assert steady.spread == pytest.approx(2.0, rel=0.1)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.4])
@pytest.mark.parametrize("off", [6.0, 50.0])
def test_blocks_that_are_off_do_not_count(share, off):
    rng = np.random.default_rng(1)
    values = rng.normal(5.0, 1.0, 400)
    bad = np.arange(400) < share * 400
    values[bad] += off
    steady = find_robust_level(values)

    assert not steady.quiet[bad & (values > 10.5)].any()
    assert steady.center == pytest.approx(5.0, abs=0.3)


def test_equal_values_leave_room_for_chance():
    steady = find_robust_level(np.array([0.0, 0.0, 0.0, 0.0, 0.01]), least_spread=0.01)

    assert steady.quiet.all()
