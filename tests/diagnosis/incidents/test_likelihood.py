import numpy as np
import pytest

from replay.diagnosis.incidents.clusters import Clusters
from replay.diagnosis.incidents.level import Level
from replay.diagnosis.incidents.likelihood import MismatchModel, ShiftModel, Sums

QUIET = np.ones(10, dtype=bool)
CLUSTERS = Clusters.of_sizes(np.ones(10_000, dtype=np.int64))


def mismatches(rate=0.02, inflation=1.0):
    return MismatchModel(Level(rate, inflation, 0.0, QUIET), CLUSTERS, 8)


def one(model, num, total, baseline):
    return float(model.exponent(np.array([num]), np.array([total]), np.array([baseline]))[0])


def test_mismatches_against_the_background():
    expected = 60 * np.log(3) - 40  # 60 where 20 were expected

    assert one(mismatches(), 1000.0, 60.0, 0.02) == pytest.approx(expected, rel=0.01)
    assert one(mismatches(inflation=2.0), 1000.0, 60.0, 0.02) == pytest.approx(expected / 2, rel=0.01)


@pytest.mark.parametrize(("num", "total"), [(100.0, 7.0), (1e6, 24_000.0)])
def test_few_rows_or_a_slightly_higher_rate_are_no_incident(num, total):
    assert one(mismatches(), num, total, 0.02) == 0.0


def test_a_slice_has_its_own_background_up_to_twice_the_overall():
    num = np.full((10, 3), 1e6)
    total = num * [0.02, 0.035, 0.2]

    assert mismatches().baselines(num, total) == pytest.approx([0.02, 0.035, 0.02], rel=0.02)


def test_without_quiet_cells_the_overall_background_holds():
    model = MismatchModel(Level(0.03, 1.0, 0.0, ~QUIET), CLUSTERS, 8)

    assert model.baselines(np.ones((10, 1)), np.ones((10, 1))).tolist() == [0.03]


def test_shift_is_bernsteins_bound():
    model = ShiftModel(Level(0.0, 1.0, 0.0, QUIET), 1.0, 3.0, 100)

    assert one(model, 400.0, -200.0, 0.0) == pytest.approx(200**2 / (2 * (400 + 200)) - np.log(2))
    assert one(model, 400.0, 40.0, 0.0) == 0.0  # a tenth of a standard deviation
    assert one(model, 50.0, 50.0, 0.0) == 0.0  # too few rows


def test_shift_of_a_slice_is_against_its_own_mean():
    model = ShiftModel(Level(0.0, 1.0, 0.0, QUIET), 1.0, 3.0, 100)
    num = np.full((10, 2), 1000.0)

    assert model.baselines(num, num * [0.2, 2.0]).tolist() == [0.2, 0.0]


def test_a_window_beside_few_rows_is_kulldorffs_ratio_of_two_counts():
    """60 of 1,000 and 40 of 2,000: the likeliest common level is 100 of 3,000."""
    expected = 60 * np.log(60 / (100 / 3)) + 40 * np.log(40 / (200 / 3))
    window, rest = Sums(1000.0, 60.0), Sums(2000.0, 40.0)

    assert mismatches().exponent_beside(window, 0.02, rest) == pytest.approx(expected, rel=0.01)
    assert mismatches(inflation=2.0).exponent_beside(window, 0.02, rest) == pytest.approx(expected / 2, rel=0.01)


def test_a_window_beside_many_rows_is_against_a_known_level():
    known = one(mismatches(), 1000.0, 60.0, 0.02)

    assert mismatches().exponent_beside(Sums(1000.0, 60.0), 0.02, Sums(1e7, 2e5)) == pytest.approx(known, rel=0.01)


@pytest.mark.parametrize("window", [Sums(1000.0, 60.0), Sums(1000.0, 7.0), Sums(1000.0, 20.0)])
def test_a_window_beside_nothing_is_no_evidence(window):
    assert mismatches().exponent_beside(window, 0.02, Sums(0.0, 0.0)) == pytest.approx(0.0, abs=1e-6)


def test_no_row_outside_is_as_many_events_as_could_have_been_there():
    """60 of 1,000, none of 1,000: the likeliest common level is 60 of 2,000, 2^-60."""
    found = mismatches(0.001).exponent_beside(Sums(1000.0, 60.0), 0.001, Sums(1000.0, 0.0))

    assert found == pytest.approx(60 * np.log(2), rel=0.01)


def test_a_shift_beside_as_many_rows_is_the_difference_of_two_means():
    model = ShiftModel(Level(0.0, 1.0, 0.0, QUIET), 1.0, 3.0, 100)
    found = model.exponent_beside(Sums(400.0, -200.0), 0.0, Sums(400.0, 0.0))

    assert found == pytest.approx(200**2 / (2 * (800 + 200)) - np.log(2))
