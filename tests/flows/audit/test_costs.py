"""Costs read off variants, and the core, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from replay.config.sections.other_tables.audits import Material
from replay.flows.audit.costs import cost_of, family_costs, gain_of, matters, size_of
from replay.flows.audit.plan import CostPlan
from replay.metrics.value import MetricValue
from replay.report.summary.audits import DifferenceCost
from tests.report import sample


def _variant(mean_abs: float | None, **measures: float):
    against = replace(sample.comparison(100, 9), mean_abs=mean_abs, measures=measures)
    return replace(sample.variant(None, vs_baseline=against))


def test_a_cost_is_what_the_variant_changes():
    measures = {"ne_increase": 0.2, "ne_increase_low": 0.1, "ne_increase_high": 0.3, "auc_drop": 0.05}
    cost = cost_of({"prod/a.x": _variant(0.25, **measures)}, "prod/a.x")

    assert (cost.mean_abs, cost.variant, cost.reason) == (0.25, "prod/a.x", None)
    assert (cost.ne_increase.value, cost.ne_increase.low, cost.ne_increase.high) == (0.2, 0.1, 0.3)
    assert cost.auc_drop.value == 0.05


def test_what_the_rounding_of_sums_leaves_is_no_cost():
    measures = {"ne_increase": 5.6e-17, "ne_increase_low": -2e-16, "ne_increase_high": 3e-11, "auc_drop": 0.0}
    ne = cost_of({"v": _variant(1e-9, **measures)}, "v").ne_increase

    assert (ne.value, ne.low, ne.high) == (0.0, 0.0, 3e-11)


def test_where_no_score_changes_nothing_does():
    measures = {"ne_increase": 5.6e-17, "ne_increase_low": -2.6e-9, "ne_increase_high": 2.6e-9}
    ne = cost_of({"v": _variant(0.0, **measures)}, "v").ne_increase
    broken = _variant(0.0, **measures)
    unknown = replace(broken, vs_baseline=replace(broken.vs_baseline, non_finite_replayed=1))

    assert (ne.value, ne.low, ne.high) == (0.0, 0.0, 0.0)
    assert cost_of({"v": unknown}, "v").ne_increase.high == 2.6e-9


def test_families_are_told_by_the_size_of_what_they_cost():
    plan = CostPlan("a", ("prod",), families={"small": "a.family.small", "large": "a.family.large", "none": "a.none"})
    variants = {"prod/a.family.small": _variant(0.1), "prod/a.family.large": _variant(0.2)}
    costs = family_costs(plan, variants)

    assert [(family, cost.mean_abs) for family, cost in costs.items()] == [
        ("large", 0.2),
        ("small", 0.1),
        ("none", None),
    ]
    assert costs["none"].reason == "it was not replayed"


def test_without_a_label_it_is_of_the_score_alone():
    cost = cost_of({"v": _variant(0.25)}, "v")

    assert (cost.ne_increase, cost.auc_drop) == (None, None)


def test_what_was_not_replayed_or_scores_no_number_says_so():
    assert cost_of({}, "v").reason == "it was not replayed"
    empty = replace(_variant(None).vs_baseline, compared=0)
    assert cost_of({"v": replace(_variant(None), vs_baseline=empty)}, "v").reason == (
        "none of the rows it is of was scored both ways"
    )
    broken = _variant(None)
    broken = replace(broken, vs_baseline=replace(broken.vs_baseline, non_finite_replayed=7))
    assert cost_of({"v": broken}, "v").reason == "7 rows score no number with the other values"


def test_a_gain_is_the_cost_seen_from_the_other_table():
    cost = DifferenceCost(0.1, MetricValue(-0.3, -0.4, -0.1, 9), MetricValue(0.02, 0.01, None, 9))
    gain = gain_of(cost)

    assert gain.ne_decrease == MetricValue(0.3, 0.1, 0.4, 9)
    assert gain.auc_increase == MetricValue(-0.02, None, -0.01, 9)
    assert gain_of(DifferenceCost(0.1)) is None


@pytest.mark.parametrize(
    ("ne", "expected"),
    [((0.2, 0.1, 0.3), True), ((0.2, 0.00005, 0.4), False), ((-0.2, -0.3, -0.1), True), ((-0.2, -0.4, 0.1), False)],
)
def test_the_whole_interval_of_ne_must_matter(ne, expected):
    assert matters(DifferenceCost(0.5, MetricValue(*ne, 100)), Material()) is expected


def test_without_ne_the_score_must():
    assert matters(DifferenceCost(0.5), Material())
    assert not matters(DifferenceCost(0.00005), Material())
    assert not matters(DifferenceCost(None), Material())
    assert not matters(DifferenceCost(0.5, MetricValue(None, None, None, 100)), Material())


def test_the_order_is_by_size_of_ne_then_of_the_score():
    better, worse, unknown = (
        DifferenceCost(0.1, MetricValue(-0.3, None, None, 1)),
        DifferenceCost(0.9, MetricValue(0.2, None, None, 1)),
        DifferenceCost(None),
    )

    assert sorted([unknown, worse, better], key=size_of, reverse=True) == [better, worse, unknown]
