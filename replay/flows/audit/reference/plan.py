"""What is replayed to cost the differences of tables that are not joined, decided while both are open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from replay.audit.kinds.find import Difference
from replay.flows.audit.columns import inputs_of, nullable_features, takes_null
from replay.flows.audit.distributions import UnjoinedAudit
from replay.flows.audit.name_differences import NamedDifference
from replay.flows.audit.plan import CostPlan, plan_costs
from replay.flows.audit.reference.changes import Changes, as_in_traffic, changes_to_traffic, moved_share
from replay.flows.audit.reference.differing import ComparedSlice, clearest, compared_slices, differing_features, whole
from replay.flows.audit.reference.rows import ReferenceColumns, reference_columns
from replay.flows.stages.prepare import Prepared
from replay.traffic import PinnedSource


@dataclass(frozen=True)
class ReferencePlan:
    """What is replayed of the other table.

    Attributes:
        counted: The distributions of both tables.
        differing: The slices of each feature that differs.
        source: The other table.
        columns: What is read of it.
        costs: The scenarios.
        changes: What becomes of its values in them.
        share: Share of its rows that is replayed.
    """

    counted: UnjoinedAudit
    differing: Sequence[Sequence[ComparedSlice]]
    source: PinnedSource
    columns: ReferenceColumns
    costs: CostPlan
    changes: Changes
    share: float = 1.0


def plan_reference(prepared: Prepared, counted: UnjoinedAudit) -> ReferencePlan:
    """Plan what the differences of an audit whose tables are not joined cost.

    Args:
        prepared: The run, with all other tables opened.
        counted: Its counts.
    """
    audit, config = counted.audit, prepared.config
    source = prepared.sources[audit.against]
    compared = compared_slices(counted)
    differing = {each: compared[each] for each in differing_features(compared)}
    by = {each: _slices_of(prepared, counted, source, slices) for each, slices in differing.items()}
    checkpoints = audit.checkpoints or (config.baseline,)
    columns = reference_columns(prepared, source, (name for names in by.values() for name in names), checkpoints)
    refused = dict(_refused(prepared, counted, columns, differing))
    changed = [each for each in differing if each not in refused] if columns.obstacle is None else []
    changes = changes_to_traffic(prepared, source, {each: by[each] for each in changed}) if changed else {}
    nullable = nullable_features(config, inputs_of(prepared)) if changed else ()
    rows = counted.there.rows

    def planned(replayed: int) -> CostPlan:
        differences = [
            NamedDifference(each, ceil(moved_share(changes, each) * replayed), Difference("other", 1.0))
            for each in changed
        ]
        steps_of = as_in_traffic(audit.against, by, counted.families)
        return plan_costs(
            counted.name, audit, config, differences, counted.families, refused, nullable, replayed, steps_of
        )

    plan = planned(rows)
    # Beside the scenarios, every checkpoint scores each row as it is.
    wanted = plan.rows + rows * len(config.all_checkpoints)
    share = min(1.0, audit.budget / max(wanted, 1))
    return ReferencePlan(counted, [*differing.values()], source, columns, planned(ceil(rows * share)), changes, share)


def _slices_of(
    prepared: Prepared, counted: UnjoinedAudit, source: PinnedSource, slices: Sequence[ComparedSlice]
) -> tuple[str, ...]:
    """Columns by which a feature is replayed: those of the audit, or that of the only slices in which it differs."""
    if counted.audit.by:
        return tuple(each for each in counted.audit.by if source.column_of(each) is not None)
    label = clearest(slices).label
    segments = sorted(prepared.config.traffic.segments, key=len)
    return tuple(each for each in segments if label.startswith(f"{each}="))[-1:]


def _refused(
    prepared: Prepared,
    counted: UnjoinedAudit,
    columns: ReferenceColumns,
    differing: Mapping[str, Sequence[ComparedSlice]],
) -> Iterator[tuple[str, str]]:
    """Features that differ and cannot be replayed as the traffic has them, each with the reason."""
    inputs = inputs_of(prepared)
    for name in (*differing, *counted.absent):
        if columns.obstacle is not None:
            yield name, columns.obstacle
        elif name in columns.lacking:
            yield name, columns.lacking[name]
        elif (whole(differing[name]).coverage.here or 0.0) < 1.0 and not takes_null(inputs[name], name):
            yield name, "the traffic has nulls of it, and the model has no default for a null"
