from dataclasses import replace

import numpy as np
import pytest

from replay.diagnosis.incidents.find import find_incidents
from replay.diagnosis.incidents.rows import RowTable, severity
from replay.diagnosis.noise.noise_floor import as_logged, measure_noise
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
    # What float16 and arithmetic leave open, and nothing that was measured.
    assert noise.rel == 2.0**-11 + 1e-6
    assert "does not reproduce online at all" in noise.why


@pytest.mark.parametrize(("offset", "scale"), [(0.3, 1.0), (0.0, 1.2), (-0.5, 0.8)])
def test_a_layer_on_the_logit_is_told_apart(offset, scale):
    table, _ = make_traffic(0, num_rows=20_000, plants=[Plant(20, 40, 1.0, {})])
    moved = replace(table, online=sigmoid(offset + scale * logit(table.online)))
    noise = measure_noise(moved)

    assert noise.logit
    assert (noise.offset, noise.scale) == pytest.approx((offset, scale), abs=0.01)
    assert "on the logit" in noise.why
    # What the layer leaves is as small as it was without one.
    corrected = as_logged(moved, noise)
    assert np.median(np.abs(corrected.replayed - corrected.online)) < 0.002


def test_a_factor_on_the_score_is_told_apart():
    table, _ = make_traffic(0, num_rows=20_000)
    noise = measure_noise(replace(table, online=table.online * 1.1))

    assert not noise.logit
    assert noise.scale == pytest.approx(1.1, rel=1e-3)


def test_few_rows():
    rows = RowTable(np.arange(3), np.full(3, 0.5), np.full(3, 0.5))

    assert "too few rows" in measure_noise(rows).why


def changed(table, online):
    return replace(table, online=online.astype(np.float32).astype(np.float64))


LAYER = [(0.4, 1.2), (-0.5, 0.8)]


@pytest.mark.parametrize(("offset", "scale"), LAYER)
@pytest.mark.parametrize("since", [60, 35, 20])
def test_a_layer_that_was_switched_on_is_an_incident(since, offset, scale):
    table, _ = make_traffic(0, num_rows=20_000, half=False)
    minute = (table.time_us - table.time_us[0]) / 60e6
    bad = changed(table, np.where(minute >= since, sigmoid(offset + scale * logit(table.online)), table.online))
    noise = measure_noise(bad)
    (found,) = find_incidents(as_logged(bad, noise), noise.tolerance)

    assert noise.is_plain
    assert noise.mismatch_rate == pytest.approx(0.03, abs=0.02)
    assert (found.start_us - table.time_us[0]) / 60e6 == pytest.approx(since, abs=0.5)
    assert found.permanent
    assert found.mismatch_rate > 0.99


def test_a_layer_that_was_switched_off_and_one_of_a_slice():
    table, _ = make_traffic(0, num_rows=20_000, half=False)
    minute = (table.time_us - table.time_us[0]) / 60e6
    codes, values = table.segments["surface"]
    layered = sigmoid(0.4 + 1.2 * logit(table.online))
    for inside, segments in ((minute < 90, {}), (codes == values.index("home"), {"surface": "home"})):
        bad = changed(table, np.where(inside, layered, table.online))
        noise = measure_noise(bad)
        (found,) = find_incidents(as_logged(bad, noise), noise.tolerance)

        assert noise.is_plain
        assert found.segments == segments
        assert found.mismatched == pytest.approx(inside.sum(), rel=0.03)


def test_another_layer_for_the_last_third():
    table, _ = make_traffic(0, num_rows=20_000, half=False)
    minute = (table.time_us - table.time_us[0]) / 60e6
    first, second = sigmoid(0.4 + 1.2 * logit(table.online)), sigmoid(-0.3 + 0.9 * logit(table.online))
    noise = measure_noise(bad := changed(table, np.where(minute < 80, first, second)))
    (found,) = find_incidents(as_logged(bad, noise), noise.tolerance)

    assert (noise.offset, noise.scale) == pytest.approx((0.4, 1.2), abs=0.01)
    assert (found.start_us - table.time_us[0]) / 60e6 == pytest.approx(80, abs=0.5)


def test_a_floor_is_no_tolerance():
    table, _ = make_traffic(0, num_rows=20_000, half=False)
    floor = np.quantile(table.online, 0.1)
    noise = measure_noise(low := changed(table, np.maximum(table.online, floor)))

    (bounds,) = noise.operations
    assert bounds.words == f"never below {np.float32(floor):.6g} (10% of the rows are there)"
    assert noise.rel == 1e-6
    assert (severity(as_logged(low, noise), noise.tolerance) <= 1).mean() > 0.95
    # A model's own score is held against what online answers through the same floor.
    assert noise.as_answered(np.array([0.0, 0.5])).tolist() == pytest.approx([np.float32(floor), 0.5])


@pytest.mark.parametrize(
    ("log", "tolerance"),
    [
        (lambda scores: np.round(scores, 3), 0.0005),
        (lambda scores: np.floor(scores * 1000) / 1000, 0.0005),
        (lambda scores: np.rint(scores * 255) / 255, 0.5 / 255),
    ],
    ids=["rounded", "cut", "bins"],
)
def test_rounding_is_half_a_step(log, tolerance):
    table, _ = make_traffic(0, num_rows=20_000, half=False, plants=[Plant(50, 60, 1.0, {})])
    noise = measure_noise(rounded := replace(table, online=log(table.online)))
    (found,) = find_incidents(as_logged(rounded, noise), noise.tolerance)

    assert noise.abs == pytest.approx(tolerance, rel=1e-3)
    assert len(noise.operations) == 1
    assert (found.start_us - table.time_us[0]) / 60e6 == pytest.approx(50, abs=0.5)


def test_most_rows_bad_at_all_times_are_mismatches_beside_those_that_agree():
    table, (rows,) = make_traffic(0, num_rows=20_000, half=False, plants=[Plant(0, 120, 0.72, {})])
    noise = measure_noise(table)
    (found,) = find_incidents(table, noise.tolerance)

    assert (noise.rel, noise.concentrated) == (1e-6, True)
    assert found.permanent
    assert np.isin(rows, found.indices).mean() > 0.99


def test_bad_rows_that_lie_close_to_those_that_agree_do_not_widen_it():
    """72% of the rows are off by a normal amount of thirty times the rounding: some by little more than that."""
    table, _ = make_traffic(0, num_rows=20_000, half=False, drift=0.0)
    rng = np.random.default_rng(1)
    bad = rng.random(len(table)) < 0.72
    online = sigmoid(logit(table.online) + np.where(bad, rng.normal(0.0, 0.015, len(table)), 0.0))
    noise = measure_noise(replace(table, online=online.astype(np.float16).astype(np.float64)))

    assert noise.rel == 2.0**-11 + 1e-6
    # 3% of them are not off by more than the rounding: 0.0005 of the score is 0.036 standard deviations.
    assert noise.mismatch_rate == pytest.approx(0.72 * 0.97, abs=0.02)


@pytest.mark.parametrize("size", [1.0, 2.0, 4.0])
def test_noise_that_is_somewhat_wider_than_its_name_is_measured(size):
    """Beside 5% of the rows that are bad at all times."""
    table, _ = make_traffic(0, num_rows=20_000, half=False, drift=0.0)
    rng = np.random.default_rng(1)
    bad = rng.random(len(table)) < 0.05
    away = rng.normal(0.0, size * 2.0**-12, len(table)) + np.where(bad, rng.normal(0.0, 0.3, len(table)), 0.0)
    noisy = replace(table, online=(table.online * np.exp(away)).astype(np.float16).astype(np.float64))
    noise = measure_noise(noisy)

    assert (severity(noisy, noise.tolerance)[~bad] <= 1).mean() > 0.999
    assert noise.mismatch_rate == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize("size", [0.05, 0.5])
def test_noise_that_nothing_explains_is_no_tolerance(size):
    table, _ = make_traffic(0, num_rows=20_000, half=False)
    spread = np.random.default_rng(0).normal(0.0, size, len(table))
    noise = measure_noise(changed(table, sigmoid(logit(table.online) + spread)))

    assert not noise.concentrated
    assert noise.rel == 1e-6
    assert "the replay does not reproduce online at all" in noise.why
