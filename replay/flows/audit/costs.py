"""What differences cost, read off the variants that replayed them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import inf
from typing import Final

from replay.config.sections.other_tables.audits import Material
from replay.flows.audit.plan import CostPlan
from replay.metrics.value import MetricValue
from replay.report.summary import VariantSummary
from replay.report.summary.audits import BackfillGain, DifferenceCost

_ROUNDING: Final = 1e-12


def cost_of(variants: Mapping[str, VariantSummary], variant: str) -> DifferenceCost:
    """The cost that a variant measured.

    Args:
        variants: Of the run, by name.
        variant: The one.
    """
    found = variants.get(variant)
    compared = None if found is None else found.vs_baseline
    if found is None or compared is None:
        return DifferenceCost(None, variant=variant, reason="it was not replayed")
    labelled = "ne_increase" in compared.measures
    # Where no score is another, an interval is the root of what rounding leaves of a variance.
    least = inf if compared.mean_abs == 0 and not compared.non_finite_replayed else _ROUNDING
    measured = ("ne_increase", "auc_drop", "calibration_shift")
    changes = {name: _settled(compared.change(name), least) for name in measured}
    reason = None if compared.compared else "none of the rows it is of was scored both ways"
    if compared.non_finite_replayed:
        reason = f"{compared.non_finite_replayed:,} rows score no number with the other values"
    return DifferenceCost(compared.mean_abs, **(changes if labelled else {}), variant=variant, reason=reason)


def _settled(change: MetricValue, least: float) -> MetricValue:
    """A change without what the rounding of sums leaves where nothing changed."""
    value, low, high = (
        0.0 if each is not None and abs(each) < least else each for each in (change.value, change.low, change.high)
    )
    return replace(change, value=value, low=low, high=high)


def costs_of(plan: CostPlan, feature: str, variants: Mapping[str, VariantSummary]) -> dict[str, DifferenceCost]:
    """What the difference of a feature costs each checkpoint, the first one first; empty where it was not replayed.

    Args:
        plan: The scenarios.
        feature: One that differs.
        variants: Of the run, by name.
    """
    scenario = plan.features.get(feature)
    return (
        {} if scenario is None else {name: cost_of(variants, plan.variant(scenario, name)) for name in plan.checkpoints}
    )


def family_costs(plan: CostPlan, variants: Mapping[str, VariantSummary]) -> dict[str, DifferenceCost]:
    """What differs in each family at once costs the first checkpoint, the largest cost first.

    Args:
        plan: The scenarios.
        variants: Of the run, by name.
    """
    costs = {family: cost_of(variants, plan.variant(scenario)) for family, scenario in plan.families.items()}
    return dict(sorted(costs.items(), key=lambda each: (*(-size for size in size_of(each[1])), each[0])))


def why_not_costed(plan: CostPlan, feature: str) -> DifferenceCost:
    """The cost of a feature that was not replayed by itself: none, with the reason."""
    reason = plan.refused.get(feature, "too many features differ: it is costed with its family")
    return DifferenceCost(None, reason=reason)


def gain_of(cost: DifferenceCost) -> BackfillGain | None:
    """The same seen from the other table: how much better its values let the model look; None without a label."""
    if cost.ne_increase is None or cost.auc_drop is None:
        return None
    return BackfillGain(_negated(cost.ne_increase), _negated(cost.auc_drop))


def _negated(measured: MetricValue) -> MetricValue:
    value, low, high = (None if each is None else 0.0 - each for each in (measured.value, measured.high, measured.low))
    return replace(measured, value=value, low=low, high=high)


def size_of(cost: DifferenceCost) -> tuple[float, float]:
    """What differences are ordered by: the size of the change of NE where it is known, then that of the score."""
    ne = None if cost.ne_increase is None else cost.ne_increase.value
    return (abs(ne or 0.0), abs(cost.mean_abs or 0.0))


def matters(cost: DifferenceCost, material: Material) -> bool:
    """Whether a cost is material: of NE with its whole interval, else of the score."""
    ne = cost.ne_increase
    if ne is None:
        return cost.mean_abs is not None and cost.mean_abs > material.score
    if ne.value is None or ne.low is None or ne.high is None:
        return False
    return ne.low > material.ne or ne.high < -material.ne
