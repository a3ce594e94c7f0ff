"""What the states of columns add to the summary of an audit."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final

import numpy as np

from replay.audit.columns.cells import NULL_CELL
from replay.audit.columns.distributions import divergence, stability_index
from replay.config import ReplayConfig
from replay.flows.audit.column_states.rows import EPOCH, hours_of
from replay.flows.audit.column_states.schedules import Replayed, summarize_schedules
from replay.flows.audit.columns import inputs_of, takes_null
from replay.flows.audit.distributions import UnjoinedAudit
from replay.flows.stages.prepare import Prepared
from replay.report.summary.audits import AgesSummary, AuditSummary, BucketDistance, FeatureAudit, ScheduleSummary

_MOST_AGES: Final = 20
"""Columns of value times whose ages the summary has."""
_MOST_BUCKETS: Final = 400


def replayed_traffic(prepared: Prepared, config: ReplayConfig) -> Replayed:
    """What the scenarios would replay that schedules are told with."""
    nullable = frozenset(name for name, entry in inputs_of(prepared).items() if takes_null(entry, name))
    return Replayed(config.traffic, prepared.traffic.schema, nullable, tuple(config.scenarios))


def with_states(audit: AuditSummary, found: UnjoinedAudit, traffic: Replayed) -> AuditSummary:
    """Add what the columns' states say: distances, by bucket too, schedules, and ages by hour.

    Args:
        audit: What the summary says so far.
        found: The counts of both tables.
        traffic: What the scenarios would replay that schedules are told with.
    """
    schedules = summarize_schedules(found, traffic)
    told = {each.feature for each in audit.features} | set(audit.core)
    return replace(
        audit,
        features=tuple(_with_distances(each, found) for each in audit.features),
        schedules=schedules,
        ages=_ages(found, told, schedules),
    )


def _with_distances(feature: FeatureAudit, found: UnjoinedAudit) -> FeatureAudit:
    name = feature.feature
    if name not in found.here.cells:
        return feature
    here, there = found.here.by_slice[name][0], found.there.by_slice[name][0]
    return replace(
        feature,
        divergence=_finite(divergence(here, there)),
        stability_index=_finite(stability_index(here, there)),
        buckets=_buckets(name, found),
    )


def _buckets(name: str, found: UnjoinedAudit) -> tuple[BucketDistance, ...] | None:
    numbers = sorted(found.here.by_bucket)
    if not 2 <= len(numbers) <= _MOST_BUCKETS:
        return None
    reference, made = found.there.by_slice[name][0], []
    for number, cells in zip(numbers, found.here.buckets_of(name), strict=True):
        if rows := cells.sum():
            covered = float(1 - cells[NULL_CELL] / rows)
            made.append(BucketDistance(EPOCH + number * found.bucket, covered, _finite(divergence(cells, reference))))
    return tuple(made)


def _ages(
    found: UnjoinedAudit, told: Collection[str], schedules: Collection[ScheduleSummary]
) -> tuple[AgesSummary, ...]:
    scheduled = {name for each in schedules for name in each.features}
    made: list[AgesSummary] = []
    for here in (True, False):
        counts = found.here if here else found.there
        by_column: dict[int, list[str]] = {}
        for name, ages in counts.ages.items():
            by_column.setdefault(id(ages), []).append(name)
        for features in by_column.values():
            hours = tuple(hours_of(counts, features[0]))
            if not (scheduled | set(told)).isdisjoint(features) and any(each is not None for each in hours):
                made.append(AgesSummary("here" if here else "there", tuple(features), hours))
    return tuple(made[:_MOST_AGES])


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
