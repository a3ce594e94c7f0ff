"""What an audit of tables that are not joined found, as the summary tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from replay.audit.columns.cells import FIRST_CELL, NULL_CELL, NameCells
from replay.audit.columns.distributions import compare_distributions, divergence
from replay.audit.slices import ALL
from replay.config import ReplayConfig
from replay.config.sections.other_tables.audits import CoreShare
from replay.flows.audit.core import find_core
from replay.flows.audit.costs import cost_of, costs_of, family_costs, matters, size_of, why_not_costed
from replay.flows.audit.distributions import UnjoinedAudit
from replay.flows.audit.plan import CostPlan
from replay.flows.audit.reference.details import distribution_details
from replay.flows.audit.reference.differing import SURE, ComparedSlice, Counts, clearest, whole
from replay.flows.audit.reference.ordinary import of_like_size, ordinary_excess
from replay.flows.audit.reference.plan import ReferencePlan
from replay.flows.audit.reference.replay import ReferenceCosts
from replay.metrics.value import MetricValue
from replay.report.summary.audits import (
    AuditSummary,
    DifferenceCost,
    FeatureAudit,
    Sides,
    SliceCoverage,
    Unmatched,
)

NOT_JOINED = "the tables are not joined by a key, so that no row of the traffic has the other table's values"
_REPLAYED = "Costs are of {rows:,} rows of {table}: each as it is, and with the traffic's distribution of the feature."
_SAMPLED = "They are {share:.2%} of its rows, drawn by hash."
_LACKING = "In all of them {names} was null: {reason}."
_MOST_SLICES = 20
_MOST_NAMES = 3
_KNOWN, _STRANGE = 0.5, 0.05
"""Share of the rows that have a common name in the other table, and here: below, the names are others."""


def summarize_distributions(
    planned: ReferencePlan, replayed: ReferenceCosts, config: ReplayConfig, model_features: Sequence[str]
) -> AuditSummary:
    """Put together what the summary says of an audit whose tables are not joined.

    Args:
        planned: The counts, and what was to be replayed.
        replayed: What replaying the other table's rows measured.
        config: Of the run.
        model_features: Every feature that the model reads.
    """
    found, plan = planned.counted, planned.costs
    measured = not isinstance(config.features.core, CoreShare) or bool(replayed.variants)
    features = model_features if measured else ()
    core = find_core(config, [plan], plan.checkpoints[0], features, replayed.changes)
    told = [_feature(found, slices, _costs(plan, replayed, slices[0].feature), core) for slices in planned.differing]
    told += [_absent(found, name, why_not_costed(plan, name), core) for name in found.absent]
    only_core = found.audit.core_only and bool(core)
    if only_core:
        told = [each for each in told if each.core]
    costs_of_families = family_costs(plan, replayed.variants) if replayed.variants else {}
    return AuditSummary(
        against=found.audit.against,
        joined=False,
        rows=found.here.rows,
        unmatched=Unmatched(0, 0),
        features_compared=len([name for name in found.compared if name in core] if only_core else found.compared),
        core=core,
        explains_mismatches=MetricValue(None, None, None, 0, NOT_JOINED),
        features=tuple(sorted(told, key=_worst_first)),
        together=_together(plan, replayed),
        families={family: replace(cost, variant=None) for family, cost in costs_of_families.items()},
        material={"ne": found.audit.material.ne, "score": found.audit.material.score},
        notes=tuple(_notes(planned, replayed)),
    )


def _worst_first(entry: FeatureAudit) -> tuple[float, float, float, str]:
    ne, score = size_of(entry.cost)
    return -ne, -score, -(entry.divergence or 0.0), entry.feature


def _costs(plan: CostPlan, replayed: ReferenceCosts, feature: str) -> dict[str, DifferenceCost]:
    """The cost to each checkpoint; its variants are in no table that is kept."""
    if replayed.reason is not None:
        return {plan.checkpoints[0]: DifferenceCost(None, reason=replayed.reason)}
    costs = costs_of(plan, feature, replayed.variants)
    if not costs:
        return {plan.checkpoints[0]: why_not_costed(plan, feature)}
    return {name: replace(cost, variant=None) for name, cost in costs.items()}


def _together(plan: CostPlan, replayed: ReferenceCosts) -> DifferenceCost:
    if replayed.reason is not None:
        return DifferenceCost(None, reason=replayed.reason)
    if plan.together is not None:
        return replace(cost_of(replayed.variants, plan.variant(plan.together)), variant=None)
    return DifferenceCost(None, reason="no difference could be replayed") if plan.refused else DifferenceCost(0.0)


def _notes(planned: ReferencePlan, replayed: ReferenceCosts) -> Iterator[str]:
    """What a reader should know of the costs."""
    table = planned.counted.audit.against
    if replayed.reason is not None:
        yield f"Costs are not measured: {replayed.reason}."
    elif replayed.variants:
        yield _REPLAYED.format(rows=replayed.rows, table=table)
        if planned.share < 1.0:
            yield _SAMPLED.format(share=planned.share)
        if lacking := planned.columns.lacking:
            more = len(lacking) - _MOST_NAMES
            names = ", ".join([*lacking][:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
            yield _LACKING.format(names=names, reason=next(iter(lacking.values())))


def _feature(
    found: UnjoinedAudit, slices: Sequence[ComparedSlice], costs: Mapping[str, DifferenceCost], core: Sequence[str]
) -> FeatureAudit:
    of_all = whole(slices)
    kind, details = _kind(found, slices)
    told = [SliceCoverage(each.label, each.coverage) for each in slices if each.label != ALL and each.is_large]
    told.sort(key=lambda each: (-_change(each.coverage), each.slice))
    return FeatureAudit(
        feature=of_all.feature,
        family=_family(found, of_all.feature),
        core=of_all.feature in core,
        kind=kind,
        coverage=of_all.coverage,
        mismatch_rate=None,
        alarm=any(matters(each, found.audit.material) for each in costs.values()),
        cost=next(iter(costs.values())),
        details=details,
        significant=True,
        divergence=divergence(of_all.here, of_all.there),
        costs=costs if len(costs) > 1 else None,
        slices=tuple(each for each in told[:_MOST_SLICES] if _change(each.coverage) > 0),
    )


def _absent(found: UnjoinedAudit, name: str, cost: DifferenceCost, core: Sequence[str]) -> FeatureAudit:
    return FeatureAudit(
        feature=name,
        family=_family(found, name),
        core=name in core,
        kind="not_served",
        coverage=Sides(None, 0.0),
        mismatch_rate=None,
        alarm=False,
        cost=cost,
        details="it has no such column",
        significant=True,
    )


def _kind(found: UnjoinedAudit, slices: Sequence[ComparedSlice]) -> tuple[str, str | None]:
    """How the distributions differ: where there are no values, in how many there are, or in the values."""
    for each in (each for each in slices if each.is_large):
        coverage = each.coverage
        if 0.0 in (coverage.here, coverage.there) and coverage.here != coverage.there:
            side = "here" if coverage.here == 0.0 else "there"
            return "not_served", f"no value {side}" + ("" if each.label == ALL else f" in {each.label}")
    differs = clearest(slices)
    kind = _kind_of_values(found, differs)
    return kind, distribution_details(found, kind, differs)


def _kind_of_values(found: UnjoinedAudit, differs: ComparedSlice) -> str:
    """Whether it is the nulls alone that are more or fewer, or the values are others."""
    name = differs.feature
    values = [each.copy() for each in (differs.here, differs.there)]
    for counts in values:
        counts[NULL_CELL] = 0
    buckets = of_like_size(found.there.buckets_of(name)).copy()
    buckets[:, NULL_CELL] = 0
    alike = compare_distributions(values[0], values[1], buckets, ordinary_excess(found, name)).p_value
    if not alike < SURE and differs.coverage.here != differs.coverage.there:
        return "null"
    return "vocabulary" if _other_names(found, name, values[0], values[1]) else "shifted"


def _other_names(found: UnjoinedAudit, name: str, here: Counts, there: Counts) -> bool:
    """Whether the names that are common in the other table hardly come here."""
    cells = found.here.cells[name]
    if not isinstance(cells, NameCells) or not here.sum() or not there.sum():
        return False
    named = slice(FIRST_CELL, FIRST_CELL + len(cells.names))
    return bool(there[named].sum() / there.sum() >= _KNOWN and here[named].sum() / here.sum() <= _STRANGE)


def _family(found: UnjoinedAudit, name: str) -> str | None:
    return next((family for family, members in found.families.items() if name in members), None)


def _change(coverage: Sides) -> float:
    return abs((coverage.here or 0.0) - (coverage.there or 0.0))
