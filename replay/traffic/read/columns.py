"""How tasks read some columns of a pinned table: what of the files, what is computed from it, which rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from replay.traffic.computed.column import ComputedColumn
from replay.traffic.read.direct import ReadPlan, RowLookup
from replay.traffic.read.selecting.filters import ConditionFilter, RowFilter, sample_filter
from replay.traffic.read.selecting.window import TimeFilter, time_filter

if TYPE_CHECKING:
    from replay.traffic.table.pinned import PinnedTraffic


def traffic_window(traffic: PinnedTraffic) -> TimeFilter | None:
    """The window over a pinned table, or None where it has none."""
    window = time_filter(traffic.schema, traffic.config)
    if window is None or traffic.is_logged(window.column.root):
        return window
    return replace(window, logged=False)


def plan_reading(
    traffic: PinnedTraffic,
    names: Sequence[str],
    beside: Sequence[ComputedColumn] = (),
    lookups: Sequence[RowLookup] = (),
) -> ReadPlan:
    """How tasks read top-level columns of the selected rows.

    Args:
        traffic: One that tasks can read.
        names: Logged and computed columns, in the order of delivery.
        beside: Conditions to deliver behind them, each a column.
        lookups: What is found elsewhere, to deliver behind these.
    """
    window, filters = traffic_window(traffic), row_filters(traffic)
    schema = pa.schema([traffic.schema.field(name) for name in names])
    found = [one for lookup in lookups for one in lookup.fields]
    delivered = pa.schema([*schema, *(pa.field(each.name, each.type) for each in beside), *found])
    wanted = [*names, *(name for each in beside for name in each.reads)]
    wanted.extend(name for lookup in lookups for name in lookup.reads)
    masking = [] if window is None or window.logged else [window.column.root]
    masking.extend(name for each in filters for name in each.roots)
    needed = traffic.needed_for([*wanted, *masking])
    selecting = _selecting(traffic, masking, needed.computed)
    computed = tuple(column for column in needed.computed if column not in selecting)
    logged = pa.schema([traffic.logged_schema.field(name) for name in needed.logged])
    return ReadPlan(
        delivered,
        window,
        logged=None if logged == delivered else logged,
        selecting=selecting,
        filters=filters,
        computed=(*computed, *beside),
        lookups=tuple(lookups),
    )


def selection_only(plan: ReadPlan) -> ReadPlan | None:
    """What tells which rows a plan selects, read alone; None where no more than the window does."""
    names = {name for each in plan.filters for name in each.roots}
    names |= {name for column in plan.selecting for name in column.reads}
    read = plan.schema if plan.logged is None else plan.logged
    logged = pa.schema([field for field in read if field.name in names])
    if not plan.filters or not logged.names:
        return None
    return ReadPlan(logged, plan.time_filter, logged=logged, selecting=plan.selecting, filters=plan.filters)


def row_filters(traffic: PinnedTraffic) -> tuple[RowFilter, ...]:
    """What a selected row fulfils besides the window, as far as tasks can tell."""
    where, sample = traffic.where, sample_filter(traffic.schema, traffic.config)
    condition = None if where is None or where.tree is None else ConditionFilter(where)
    return tuple(each for each in (condition, sample) if each is not None)


def _selecting(
    traffic: PinnedTraffic, names: Sequence[str], computed: Sequence[ComputedColumn]
) -> tuple[ComputedColumn, ...]:
    """Those of the columns to compute that select rows.

    An event time takes the place of the logged column that it is read from: what else reads that one comes before it.
    """
    chosen = traffic.needed_for(names).computed
    replaced = {column.name for column in chosen if column.reading is not None}
    before = [column.name for column in computed if replaced & {*column.reads} and column not in chosen]
    return traffic.needed_for([*names, *before]).computed if before else chosen
