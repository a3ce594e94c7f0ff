"""What differences cost, read off the variants that replayed them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite

from replay.config import ReplayConfig
from replay.config.names import matches
from replay.config.sections.other_tables.audits import CoreShare, Material
from replay.flows.audit.plan import CostPlan
from replay.report.summary import VariantSummary
from replay.report.summary.audits import DifferenceCost


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
    changes = {name: compared.change(name) for name in ("ne_increase", "auc_drop", "calibration_shift")}
    reason = None
    if compared.non_finite_replayed:
        reason = f"{compared.non_finite_replayed:,} rows score no number with the other values"
    return DifferenceCost(compared.mean_abs, **(changes if labelled else {}), variant=variant, reason=reason)


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


def why_not_costed(plan: CostPlan, feature: str) -> DifferenceCost:
    """The cost of a feature that was not replayed by itself: none, with the reason."""
    reason = plan.refused.get(feature, "too many features differ: it is costed with its family")
    return DifferenceCost(None, reason=reason)


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


def find_core(
    config: ReplayConfig, plan: CostPlan, features: Sequence[str], variants: Mapping[str, VariantSummary]
) -> tuple[str, ...]:
    """The features that matter to the model: named, or measured; the most important first.

    Measured, they are the fewest that have a share of the mean change of the score that each feature makes where it is
    null, summed over all features. A feature that the model takes no null of cannot be measured, and is one of them.

    Args:
        config: Of the run.
        plan: Its scenarios.
        features: Every feature that the model reads.
        variants: By name.
    """
    core = config.features.core
    if not isinstance(core, CoreShare):
        return tuple(name for name in features if any(matches(glob, name) for glob in core))
    changed = {name: _changed(variants.get(plan.variant(scenario))) for name, scenario in plan.core.items()}
    unmeasured = [name for name in features if changed.get(name) is None]
    known = {name: value for name, value in changed.items() if value is not None}
    total, held, found = sum(known.values()), 0.0, []
    for name in sorted(known, key=lambda each: (-known[each], each)):
        if held >= core.share * total:
            break
        found.append(name)
        held += known[name]
    return (*found, *unmeasured)


def _changed(variant: VariantSummary | None) -> float | None:
    compared = None if variant is None else variant.vs_baseline
    if compared is None or compared.mean_abs is None or not isfinite(compared.mean_abs):
        return None
    return compared.mean_abs
