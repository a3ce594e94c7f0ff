import numpy as np
import pytest

from replay.diagnosis.incidents.level import measure_level

NUM = np.full(1000, 100.0)


def counts(rate, seed=0):
    return np.random.default_rng(seed).binomial(100, rate, 1000).astype(float)


def test_clean_counts():
    level = measure_level(NUM, counts(0.03), 0.0)

    assert level.mean == pytest.approx(0.03, rel=0.05)
    assert (level.inflation, level.drift) == (1.0, 0.0)


@pytest.mark.parametrize("bad", [0.08, 0.3, 1.0])
def test_an_incident_over_40_percent_is_not_in_it(bad):
    rate = np.full(1000, 0.03)
    rate[200:600] = bad
    level = measure_level(NUM, counts(rate), 0.0)

    assert level.mean == pytest.approx(0.03, rel=0.1)
    assert level.quiet[220:580].mean() < 0.02


def test_clusters_inflate_the_variance():
    found = np.random.default_rng(0).binomial(20, 0.03, 1000) * 5.0
    level = measure_level(NUM, found, 0.0)

    # Clusters of five rows: five times the variance of single ones.
    assert level.inflation == pytest.approx(5.0, rel=0.5)


def test_a_slow_wave_is_drift():
    wave = 0.03 * (1 + 0.3 * np.sin(np.arange(1000) / 160))
    num = NUM * 100
    level = measure_level(num, num * wave, 0.0)

    assert level.drift == pytest.approx(0.03 * 0.3 / np.sqrt(2), rel=0.4)


def test_all_bad_has_no_level():
    assert measure_level(NUM, counts(0.5), 0.0, at_most=0.08) is None


def test_a_quiet_fifth_is_found_below_the_limit():
    rate = np.full(1000, 0.5)
    rate[400:600] = 0.02
    level = measure_level(NUM, counts(rate), 0.0, at_most=0.08)

    assert level.mean == pytest.approx(0.02, rel=0.2)


def test_bursts_all_over_are_a_part_of_the_level():
    found = counts(0.01)
    found[10::25] = 80.0
    level = measure_level(NUM, found, 0.0)

    assert level.mean == pytest.approx(found.sum() / NUM.sum(), rel=0.15)
    assert level.inflation > 5.0


@pytest.mark.parametrize("number", [1, 3, 5])
def test_few_stretches_are_none(number):
    found = counts(0.01)
    for start in range(100, 100 + 150 * number, 150):
        found[start : start + 20] = 80.0

    assert measure_level(NUM, found, 0.0).mean == pytest.approx(0.01, rel=0.15)


@pytest.mark.parametrize("seed", range(5))
def test_events_that_most_blocks_are_without_are_a_part_of_the_level(seed):
    """Ten requests of 15 rows in all of the time: the blocks without any are not what is normal."""
    total = np.zeros(1000)
    total[np.random.default_rng(seed).choice(1000, 10, replace=False)] = 15.0

    # A block of three of them or more is not quiet.
    assert measure_level(NUM, total, 0.0, cluster=lambda quiet: 15.0).mean == pytest.approx(150 / NUM.sum(), rel=0.3)
