import numpy as np
import pytest

from replay.config.sections.diff import Tolerance
from replay.diagnosis.incidents.rows import RowTable, severity
from replay.diagnosis.incidents.signals import grave_bounds, mismatch_signal, shift_signal
from replay.diagnosis.noise.noise_floor import measure_noise
from tests.diagnosis.traffic import make_traffic


def test_grave_bounds_rise_to_what_five_percent_exceed():
    bad = 1.0 + np.arange(1, 1001) / 10
    bounds = grave_bounds(np.concatenate([np.zeros(5000), bad, [np.inf]]))

    assert bounds[-1] == pytest.approx(np.quantile(bad, 0.95))
    assert np.diff(np.log(bounds)) == pytest.approx(np.full(3, np.log(bounds[0])))
    assert grave_bounds(bad[:50]) == ()


@pytest.mark.parametrize(("group", "typical"), [(np.arange(400) // 8, 8.0), (None, 4.0)])
def test_clusters_are_groups_or_else_rows_of_one_time(group, typical):
    rows = RowTable(np.arange(400) // 4, np.zeros(400), np.ones(400), group=group)
    signal = mismatch_signal(rows, severity(rows, Tolerance()))

    assert signal.typical == typical
    assert signal.value.sum() == 400


def test_shifts_are_standardised():
    table, _ = make_traffic(0, num_rows=10_000, drift=0.0)
    noise = measure_noise(table)
    signal = shift_signal(table, severity(table, noise.tolerance), noise)

    assert np.abs(signal.value).max() == 3.0
    assert signal.value.std() == pytest.approx(1.0, abs=0.1)
    assert signal.value.mean() == pytest.approx(0.0, abs=0.05)


def test_without_noise_there_is_no_shift():
    rows = RowTable(np.arange(1000), np.full(1000, 0.5), np.full(1000, 0.5))

    assert shift_signal(rows, np.zeros(1000), measure_noise(rows)) is None
