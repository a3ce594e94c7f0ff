"""What an audit found, as the summary tells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from replay.audit.compare import DIFFERS, NULL_BOTH, NULL_HERE, NULL_THERE
from replay.audit.kinds.find import NOT_SERVED
from replay.audit.label_dependence import LIMIT
from replay.audit.leakage import LeakageCounts
from replay.audit.row_differences import FeatureCounts, RowDifferences
from replay.audit.significance import clustered_share, significant_features
from replay.audit.slices import ALL
from replay.config import AuditConfig
from replay.flows.audit.costs import cost_of, costs_of, family_costs, gain_of, matters, size_of, why_not_costed
from replay.flows.audit.name_differences import NamedDifference
from replay.flows.audit.pairing import text_keys
from replay.flows.audit.plan import CostPlan
from replay.metrics.value import MetricValue
from replay.report.audits.words import kind_details
from replay.report.summary import VariantSummary
from replay.report.summary.audits import (
    AuditSummary,
    DifferenceCost,
    FeatureAudit,
    LabelDependenceSummary,
    LeakageSummary,
    Sides,
    SliceCoverage,
    Unmatched,
)

_MOST_SLICES = 20
_LEAST_ROWS = 30
"""Rows of a slice whose coverage is told."""
_NOTHING = DifferenceCost(0.0)
_SAMPLED = "Costs and explained mismatches are of {:.2%} of the rows, drawn by hash: all would take {:,} rows to score."


@dataclass(frozen=True)
class JoinedAudit:
    """What the pass over two joined tables found, and what is replayed to cost it.

    Attributes:
        name: Of the audit.
        audit: Its section.
        found: Of all joined rows.
        leakage: What the table knows too early; None where that was not looked for.
        differences: How each feature that differs does so.
        plan: What is replayed.
        compared: Features that were compared.
        families: Features by family.
        there: Rows of the other table.
        share: Share of the traffic that is replayed for the costs.
    """

    name: str
    audit: AuditConfig
    found: RowDifferences
    leakage: LeakageCounts | None
    differences: Sequence[NamedDifference]
    plan: CostPlan
    compared: Sequence[str]
    families: Mapping[str, Sequence[str]]
    there: int
    share: float = 1.0


def summarize_audit(
    joined: JoinedAudit,
    core: Sequence[str],
    variants: Mapping[str, VariantSummary],
    explains: MetricValue,
) -> AuditSummary:
    """Put together what the summary says of an audit.

    Args:
        joined: What was found.
        core: The features that matter, the most important first.
        variants: Of the run, by name.
        explains: How many of the online mismatches the other table's values explain.
    """
    found, plan, audit = joined.found, joined.plan, joined.audit
    compared = [name for name in joined.compared if not audit.core_only or name in core]
    significant = significant_features(found.features, found.rows_by_cluster, found.slices.kept())
    told = [
        _feature(joined, each, core, variants, significant.get(each.feature, ()))
        for each in joined.differences
        if not audit.core_only or each.feature in core
    ]
    together = cost_of(variants, plan.variant(plan.together)) if plan.together else _NOTHING
    examples = found.unmatched_examples.rows()
    notes = [] if joined.share == 1.0 else [_SAMPLED.format(joined.share, plan.rows)]
    return AuditSummary(
        against=audit.against,
        joined=True,
        rows=found.rows,
        unmatched=Unmatched(
            found.unmatched,
            max(joined.there - found.rows, 0),
            text_keys([] if examples is None else examples.to_pylist()),
        ),
        features_compared=len(compared),
        core=tuple(core),
        explains_mismatches=explains,
        features=tuple(sorted(told, key=lambda each: (*(-size for size in size_of(each.cost)), each.feature))),
        together=together,
        families=family_costs(plan, variants),
        material={"ne": audit.material.ne, "score": audit.material.score},
        leakage=_leakage(joined, together),
        notes=tuple(notes),
    )


def _feature(
    joined: JoinedAudit,
    named: NamedDifference,
    core: Sequence[str],
    variants: Mapping[str, VariantSummary],
    significant: Sequence[str],
) -> FeatureAudit:
    found, plan, difference = joined.found, joined.plan, named.difference
    counts = found.features[named.feature]
    rate = clustered_share(counts.differing[0], found.rows_by_cluster[0])
    costs = costs_of(plan, named.feature, variants)
    cost = next(iter(costs.values()), why_not_costed(plan, named.feature))
    is_significant = bool(significant)
    lag = difference.details.get("lag_seconds")
    return FeatureAudit(
        feature=named.feature,
        family=next((family for family, members in joined.families.items() if named.feature in members), None),
        core=named.feature in core,
        kind=difference.kind,
        coverage=coverage_of(counts, 0),
        mismatch_rate=rate.value,
        alarm=is_significant and any(matters(each, joined.audit.material) for each in costs.values()),
        cost=cost,
        lag_seconds=lag,
        details="it has no such column" if named.absent else kind_details(difference.details),
        significant=is_significant,
        mismatch_rate_low=rate.low,
        mismatch_rate_high=rate.high,
        costs=costs if len(costs) > 1 else None,
        slices=_slices(counts, found),
    )


def coverage_of(counts: FeatureCounts, place: int) -> Sides:
    """Shares of rows with a value."""
    of_slice = counts.counts[place].astype(np.float64)
    rows = of_slice.sum()
    if not rows:
        return Sides(None, None)
    here, there = (of_slice[[code, NULL_BOTH]].sum() for code in (NULL_HERE, NULL_THERE))
    return Sides(float(1 - here / rows), float(1 - there / rows))


def _slices(counts: FeatureCounts, found: RowDifferences) -> tuple[SliceCoverage, ...]:
    """The slices that differ, those whose coverage differs most first."""
    told = []
    for label, place in found.slices.kept():
        if label == ALL or place >= len(counts.counts):
            continue
        of_slice = counts.counts[place]
        rows, differing = int(of_slice.sum()), int(of_slice[[DIFFERS, NULL_HERE, NULL_THERE]].sum())
        if rows >= _LEAST_ROWS and differing:
            told.append(SliceCoverage(label, coverage_of(counts, place), differing / rows))
    told.sort(key=lambda each: (-_change(each.coverage), -(each.mismatch_rate or 0.0), each.slice))
    return tuple(told[:_MOST_SLICES])


def _change(coverage: Sides) -> float:
    return abs((coverage.here or 0.0) - (coverage.there or 0.0))


def _leakage(joined: JoinedAudit, together: DifferenceCost) -> LeakageSummary | None:
    leakage = joined.leakage
    if leakage is None:
        return None
    # Where a slice is not served at all, what the slice has to do with the label is no leak.
    unserved = {each.feature for each in joined.differences if each.difference.kind == NOT_SERVED}
    z_values = {name: state.z() for name, state in leakage.dependence.items() if name not in unserved}
    worst = max(z_values.values(), key=abs, default=None)
    future = {name: count for name, count in leakage.from_future.items() if count}
    dependent = sorted((name for name, z in z_values.items() if abs(z) > LIMIT), key=lambda name: -abs(z_values[name]))
    return LeakageSummary(
        from_future=sum(future.values()) + leakage.rows_from_future,
        label_dependence=LabelDependenceSummary(worst, tuple(dependent)),
        from_future_features=tuple(sorted(future, key=lambda name: (-future[name], name))),
        newer=tuple(each.feature for each in joined.differences if each.difference.kind == "newer"),
        gain_from_backfill=gain_of(together),
    )
