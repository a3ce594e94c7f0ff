"""Slices that differ, by hand and by scipy, and how often slices that are all alike are told to differ."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from replay.metrics.interval import wilson
from replay.metrics.row import MetricRow
from replay.report.slice_tests import discoveries, judge_slices
from replay.report.summary import SliceFinding
from tests.report.sample import START, metric

FINDING = SliceFinding("prod", "a=1", "auc", 0.5, 0.7, 100, 0.0)


def rates(counts, effect=1.0, variant="prod"):
    """Rows of one segment's mismatch rates, and of all of them."""
    everything = {
        "all": tuple(map(sum, zip(*counts.values(), strict=True))),
        **{f"a={k}": v for k, v in counts.items()},
    }
    return [
        MetricRow(
            variant, "online", name, None, "mismatch_rate", wrong / rows,
            *wilson(wrong, rows, design_effect=effect), rows, None
        )
        for name, (wrong, rows) in everything.items()
    ]  # fmt: skip


def test_a_rate_is_compared_with_that_of_the_segments_other_values():
    found = judge_slices(rates({1: (30, 100), 2: (20, 200), 3: (40, 300)}))
    assert (found.slices, found.variants, found.comparisons) == (3, 1, 3)
    (one,) = found.different
    assert (one.slice, one.value, one.rest) == ("a=1", 0.3, 60 / 500)
    # Pearson's chi-squared of the two by two table is the same test.
    assert one.p_value == pytest.approx(
        stats.chi2_contingency([[30, 70], [60, 440]], correction=False).pvalue, rel=1e-6
    )


def test_a_design_effect_makes_it_as_many_times_fewer_rows():
    plain, grouped = (judge_slices(rates({1: (300, 1000), 2: (120, 1000)}, effect)) for effect in (1.0, 9.0))
    scores = [stats.norm.isf(found.different[0].p_value / 2) for found in (plain, grouped)]
    assert scores[0] / scores[1] == pytest.approx(3.0, rel=1e-3)


def test_quality_is_compared_with_that_of_all_rows_by_the_slices_own_interval():
    found = judge_slices(
        [
            metric("prod", "auc", 0.75, 1000, against=None),
            metric("prod", "auc", 0.60, 100, against=None, where="a=1", interval=0.0784),
            metric("prod", "auc", 0.74, 900, against=None, where="a=2", interval=0.02),
            metric("prod", "auc", 0.50, 4, against=None, where="a=3"),
            metric("prod", "logloss", 0.5, 1000, against=None),
            metric("prod", "logloss", 0.1, 100, against=None, where="a=1", interval=0.01),
            metric("online", "auc", 0.1, 900, against=None, where="a=2", interval=0.02),
            metric("prod", "auc", 0.1, 900, against=None, where="a=2", interval=0.02, bucket=START),
        ]
    )
    assert (found.slices, found.comparisons) == (3, 2)
    (one,) = found.different
    assert (one.slice, one.metric, one.rest, one.rows) == ("a=1", "auc", 0.75, 100)
    assert one.p_value == pytest.approx(2 * stats.norm.sf(0.15 / (0.0784 / 1.959964)), rel=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_the_procedure_is_scipys(seed):
    chances = np.random.default_rng(seed).beta(0.3, 1.0, 40)
    found = discoveries([SliceFinding("prod", f"a={k}", "auc", 0, 0, 1, float(p)) for k, p in enumerate(chances)])
    assert sorted(entry.p_value for entry in found) == sorted(chances[stats.false_discovery_control(chances) <= 0.05])


def test_without_segments_there_is_nothing_to_say():
    assert judge_slices([metric("prod", "auc", 0.7, 100, against=None, interval=0.1)]) is None
    assert discoveries([]) == []


def test_slices_that_are_all_alike_rarely_differ():
    """In 5% of runs any is told, not in 87% as by forty intervals of 95% each."""
    rng = np.random.default_rng(5)
    told = [
        bool(judge_slices(rates({k: (int(rng.binomial(500, 0.1)), 500) for k in range(40)})).different)
        for _ in range(400)
    ]
    assert np.mean(told) <= 0.085


def test_of_those_told_few_are_chance():
    rng = np.random.default_rng(6)
    false = []
    for _ in range(200):
        counts = {k: (int(rng.binomial(500, 0.2 if k < 8 else 0.1)), 500) for k in range(40)}
        told = [int(entry.slice.removeprefix("a=")) for entry in judge_slices(rates(counts)).different]
        false.append(np.mean([k >= 8 for k in told]) if told else 0.0)
        assert len(told) >= 4
    assert np.mean(false) <= 0.07


def test_a_bad_value_does_not_make_the_good_ones_differ_from_the_rest():
    found = judge_slices(rates({1: (450, 500), **{k: (5, 500) for k in range(2, 9)}}))
    assert [(entry.slice, entry.rest) for entry in found.different] == [("a=1", 0.01)]
    two = judge_slices(rates({1: (450, 500), 2: (5, 500)}))
    assert [entry.slice for entry in two.different] == ["a=1"]
