import numpy as np
import pytest

from replay.diagnosis.incidents.clusters import Clusters
from replay.diagnosis.incidents.level import Level
from replay.diagnosis.incidents.likelihood import MismatchModel, ShiftModel

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
