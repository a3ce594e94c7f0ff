from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from replay.config.sections.diff import Tolerance
from replay.diff.comparison import CONSTANT, NO_FINITE_PAIR, NOTHING_COMPARED, ComparisonSums
from tests.metrics.cases import shards
from tests.metrics.state_tester import check_state

EXACT = Tolerance(abs=0.0, rel=0.0)
INTERFACE_KEYS = (
    "compared", "mismatched", "mismatch_rate", "mean_abs", "p50_abs", "p99_abs", "max_abs", "mean_delta", "correlation",
)  # fmt: skip


def test_statistics_against_numpy_and_scipy():
    rng = np.random.default_rng(2)
    online = rng.random(2000)
    replayed = online + rng.normal(0, 0.1, 2000)
    tolerance = Tolerance(abs=0.05, rel=0.1)
    found = check_state(lambda: ComparisonSums(tolerance), shards(replayed, online), lambda state: state.compute())
    delta = replayed - online
    wrong = np.abs(delta) > 0.05 + 0.1 * np.abs(online)
    interval = stats.binomtest(int(wrong.sum()), 2000).proportion_ci(method="wilson")
    assert found["compared"] == 2000
    assert found["mismatched"] == wrong.sum()
    assert found["mismatch_rate"] == wrong.mean()
    assert (found["mismatch_rate_low"], found["mismatch_rate_high"]) == pytest.approx((interval.low, interval.high))
    assert found["mean_abs"] == pytest.approx(np.abs(delta).mean(), rel=1e-12)
    assert found["mean_delta"] == pytest.approx(delta.mean(), rel=1e-10)
    assert found["max_abs"] == np.abs(delta).max()
    assert found["p50_abs"] == pytest.approx(np.quantile(np.abs(delta), 0.5, method="inverted_cdf"), rel=2**-8)
    assert found["p99_abs"] == pytest.approx(np.quantile(np.abs(delta), 0.99, method="inverted_cdf"), rel=2**-8)
    for share in (1, 50, 99):
        assert found[f"p{share}_delta"] == pytest.approx(
            np.quantile(delta, share / 100, method="inverted_cdf"), rel=2**-8
        )
    assert found["rows_changed"] == 2000
    assert found["correlation"] == pytest.approx(stats.pearsonr(replayed, online).statistic, rel=1e-12)
    assert found["reasons"] == {}
    assert set(INTERFACE_KEYS) < set(found)


def test_every_row_is_counted_somewhere():
    nan, inf = np.nan, np.inf
    #          agree differ NaN  NaN  both inf  -inf no-on no-re none
    replayed = [0.5, 0.5, nan, 0.5, nan, inf, inf, 0.5, 0.0, 0.0]
    online = [0.5, 0.6, 0.5, nan, nan, inf, -inf, 0.0, 0.5, 0.0]
    has_replayed, has_online = np.ones(10, dtype=bool), np.ones(10, dtype=bool)
    has_replayed[[8, 9]] = False
    has_online[[7, 9]] = False
    found = ComparisonSums(EXACT).update(np.array(replayed), np.array(online), has_replayed, has_online).compute()
    assert found["compared"] == 7
    assert found["mismatched"] == 5  # all but the equal pair and the equal infinities
    assert found["rows_changed"] == 4  # the two NaNs are no change, though a mismatch
    assert (found["missing_reference"], found["missing_replayed"], found["missing_both"]) == (1, 1, 1)
    assert (found["non_finite_replayed"], found["non_finite_reference"], found["nan_both"]) == (4, 4, 1)
    assert found["max_abs"] == pytest.approx(0.1)  # of the two finite pairs
    assert found["mean_abs"] == pytest.approx(0.05)
    assert found["mean_delta"] == pytest.approx(-0.05)


@pytest.mark.parametrize(
    ("replayed", "online", "undefined", "reason"),
    [
        (
            [],
            [],
            {"mismatch_rate", "mean_abs", "p50_abs", "max_abs", "correlation"},
            NOTHING_COMPARED,
        ),
        ([np.nan], [0.5], {"mean_abs", "p50_abs", "p99_abs", "max_abs", "mean_delta", "correlation"}, NO_FINITE_PAIR),
        ([0.1, 0.1, 0.1], [0.1, 0.2, 0.3], {"correlation"}, CONSTANT),
        ([0.5], [0.5], {"correlation"}, CONSTANT),
    ],
)
def test_undefined_says_why(replayed, online, undefined, reason):
    found = ComparisonSums(EXACT).update(np.array(replayed), np.array(online)).compute()
    for name in undefined:
        assert found[name] is None
        assert found["reasons"][name] == reason


def test_a_constant_side_in_shards_is_still_constant():
    parts = [ComparisonSums(EXACT).update(np.full(size, 0.1), np.arange(float(size))) for size in (3, 7, 11)]
    merged = ComparisonSums(EXACT).merge(parts[0]).merge(parts[1]).merge(parts[2])
    assert merged.compute()["reasons"] == {"correlation": CONSTANT}


def test_correlation_keeps_its_digits_far_from_0():
    rng = np.random.default_rng(3)
    noise = rng.normal(size=3000)
    online, replayed = 1e9 + noise, 1e9 + noise + rng.normal(size=3000)
    found = check_state(lambda: ComparisonSums(EXACT), shards(replayed, online), lambda state: state.compute())
    assert found["correlation"] == pytest.approx(stats.pearsonr(replayed - 1e9, online - 1e9).statistic, rel=1e-6)


def test_quantiles_never_exceed_the_maximum():
    # 1.0 lies at the lower edge of its bin, whose middle is 1.0039.
    found = ComparisonSums(EXACT).update(np.array([0.0, 1.0]), np.zeros(2)).compute()
    assert found["p99_abs"] == found["max_abs"] == 1.0


def test_a_design_effect_widens_the_interval():
    state = ComparisonSums(EXACT).update(np.arange(100.0) % 4, np.zeros(100))
    narrow, wide = state.compute(), state.compute(design_effect=4.0)
    assert (
        wide["mismatch_rate_low"]
        < narrow["mismatch_rate_low"]
        < narrow["mismatch_rate_high"]
        < wide["mismatch_rate_high"]
    )


@pytest.mark.parametrize("scale", [1.0, 1e-9])
def test_the_interval_of_the_mean_difference(scale):
    online = np.random.default_rng(2).random(500)
    delta = np.random.default_rng(3).normal(0.1, 1.0, 500) * scale
    state = ComparisonSums(EXACT).update(online[:100] + delta[:100], online[:100])
    state.merge(ComparisonSums(EXACT).update(online[100:] + delta[100:], online[100:]))

    found = state.mean_interval()

    expected = stats.t.interval(0.95, 499, delta.mean(), stats.sem(delta))
    assert (found["mean_delta_low"], found["mean_delta_high"]) == pytest.approx(expected, rel=1e-5)


def test_one_pair_has_no_interval_of_the_mean():
    assert set(ComparisonSums(EXACT).update(np.ones(1), np.zeros(1)).mean_interval().values()) == {None}


def test_differences_that_overflow_are_mismatches_without_a_distance():
    found = ComparisonSums(EXACT).update(np.array([1e308, 1.0]), np.array([-1e308, 0.0])).compute()
    assert (found["mismatched"], found["max_abs"]) == (2, 1.0)


def parted(replayed, online, part):
    """The whole, and the part of it, compared."""
    whole = ComparisonSums(EXACT).update(replayed, online)
    return whole, ComparisonSums(EXACT).update(replayed[part], online[part])


def test_what_is_left_without_some_rows_is_what_the_others_give():
    rng = np.random.default_rng(5)
    online, replayed = rng.random(1000), rng.random(1000)
    part = np.zeros(1000, dtype=bool)
    extremes = {function(column) for column in (online, replayed) for function in (np.argmin, np.argmax)}
    part[[row for row in range(0, 1000, 7) if row not in extremes | {np.abs(replayed - online).argmax()}]] = True
    whole, taken = parted(replayed, online, part)
    expected = ComparisonSums(EXACT).update(replayed[~part], online[~part]).compute()
    left = whole.minus(taken).compute()
    assert left.pop("reasons") == expected.pop("reasons")
    assert left == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("value", [2.0, 1e30])
def test_taking_out_an_extreme_has_to_be_summed_anew(value):
    online = np.linspace(0.1, 0.9, 100)
    replayed = online + 0.01
    replayed[40] = value
    whole, taken = parted(replayed, online, np.arange(100) == 40)
    assert whole.minus(taken) is None


@pytest.mark.parametrize(("others", "precise"), [(0.005, True), (1e-9, False)])
def test_taking_out_nearly_all_of_a_sum_has_to_be_summed_anew(others, precise):
    row = np.arange(20_001)
    part = row % 10 != 0  # neither the first row nor the last, which hold the extremes
    online = np.linspace(0.1, 0.9, row.size)
    replayed = online + np.where(part, 0.01, others) * np.where(row < 10_000, 1, -1)
    replayed[10_000] += 0.02  # the largest difference, in no part
    whole, taken = parted(replayed, online, part)
    assert (whole.minus(taken) is not None) == precise
