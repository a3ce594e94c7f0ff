from dataclasses import replace

import numpy as np
import pytest

from replay.diagnosis.incidents.rows import RowTable, severity
from replay.diagnosis.noise.noise_floor import measure_noise, without_layer
from tests.diagnosis.traffic import Plant, make_traffic, sigmoid


def logit(scores):
    return np.log(scores / (1 - scores))


def test_float32_is_the_numeric_floor():
    table, _ = make_traffic(0, num_rows=20_000, half=False)
    noise = measure_noise(table)

    assert noise.rel == 1e-6
    assert noise.abs < 1e-6
    assert noise.mismatch_rate == pytest.approx(0.03, abs=0.01)


def test_float16_noise_fits_and_is_tight():
    table, _ = make_traffic(0, num_rows=20_000, drift=0.0)
    noise = measure_noise(table)

    assert (severity(table, noise.tolerance) <= 1).mean() > 0.9999
    # Noise of 5e-4 on the logit and a rounding to 11 bits: never more than a few thousandths.
    assert noise.abs + noise.rel * 0.1 < 0.002


@pytest.mark.parametrize("minutes", [10, 48])
def test_an_incident_does_not_contaminate_it(minutes):
    clean, _ = make_traffic(0, num_rows=20_000)
    bad, _ = make_traffic(0, num_rows=20_000, plants=[Plant(70, 70 + minutes, 1.0, {})])
    expected, found = measure_noise(clean), measure_noise(bad)

    assert found.concentrated
    assert found.rel == pytest.approx(expected.rel, rel=0.3)
    assert found.mismatch_rate == pytest.approx(expected.mismatch_rate, abs=0.01)


@pytest.mark.parametrize("share", [0.3, 0.45])
def test_rows_that_are_bad_at_all_times_are_not_noise(share):
    table, (rows,) = make_traffic(0, num_rows=20_000, plants=[Plant(0, 120, share, {})])
    noise = measure_noise(table)

    assert (severity(table, noise.tolerance)[rows] > 1).mean() > 0.95
    assert noise.mismatch_rate > share * 0.9


def test_where_all_is_bad_nothing_is_measured():
    table, _ = make_traffic(0, num_rows=20_000, plants=[Plant(0, 120, 1.0, {})])
    noise = measure_noise(table)

    assert not noise.concentrated
    assert noise.rel == 1e-6
    assert "no part of the traffic is quiet" in noise.why


@pytest.mark.parametrize(("offset", "scale"), [(0.3, 1.0), (0.0, 1.2), (-0.5, 0.8)])
def test_a_layer_on_the_logit_is_told_apart(offset, scale):
    table, _ = make_traffic(0, num_rows=20_000, plants=[Plant(20, 40, 1.0, {})])
    moved = replace(table, online=sigmoid(offset + scale * logit(table.online)))
    noise = measure_noise(moved)

    assert noise.logit
    assert (noise.offset, noise.scale) == pytest.approx((offset, scale), abs=0.01)
    assert "on the logit" in noise.why
    # What the layer leaves is as small as it was without one.
    corrected = without_layer(moved, noise)
    assert np.median(np.abs(corrected.replayed - corrected.online)) < 0.002


def test_a_factor_on_the_score_is_told_apart():
    table, _ = make_traffic(0, num_rows=20_000)
    noise = measure_noise(replace(table, online=table.online * 1.1))

    assert not noise.logit
    assert noise.scale == pytest.approx(1.1, rel=1e-3)


def test_few_rows():
    rows = RowTable(np.arange(3), np.full(3, 0.5), np.full(3, 0.5))

    assert "too few rows" in measure_noise(rows).why
