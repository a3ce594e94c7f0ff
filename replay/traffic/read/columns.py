"""How tasks read some columns of a pinned table: what of the files, what is computed from it, which window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from replay.traffic.read.direct import ReadPlan
from replay.traffic.read.window import TimeFilter, time_filter

if TYPE_CHECKING:
    from replay.traffic.table.pinned import PinnedTraffic


def traffic_window(traffic: PinnedTraffic) -> TimeFilter | None:
    """The window over a pinned table, or None where it has none."""
    window = time_filter(traffic.schema, traffic.config)
    if window is None or traffic.is_logged(window.column.root):
        return window
    return replace(window, logged=False)


def plan_reading(traffic: PinnedTraffic, names: Sequence[str]) -> ReadPlan:
    """How tasks read top-level columns.

    Args:
        traffic: One that tasks can read.
        names: Logged and computed columns, in the order of delivery.
    """
    window = traffic_window(traffic)
    schema = pa.schema([traffic.schema.field(name) for name in names])
    masking = [] if window is None or window.logged else [window.column.root]
    needed = traffic.needed_for([*names, *masking])
    logged = pa.schema([traffic.logged_schema.field(name) for name in needed.logged])
    return ReadPlan(schema, window, logged=logged if needed.computed else None, computed=needed.computed)
