"""How each feature differs, found out from examples and the entities' histories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from replay.audit.kinds.ages import LoggedValues
from replay.audit.kinds.differing_rows import DifferingRows
from replay.audit.kinds.find import NOT_SERVED, Difference, find_kind
from replay.audit.row_differences import RowDifferences
from replay.config import TrafficConfig
from replay.features import feature_column
from replay.flows.audit.pairing import ENTITY, TIME
from replay.flows.stages.prepare import Prepared
from replay.traffic import entity_history

MOST_HISTORY = 500_000
"""Rows of the history that is brought here, the newest of more."""


@dataclass(frozen=True)
class NamedDifference:
    """How a feature differs.

    Attributes:
        feature: Its name.
        rows: Rows that differ.
        difference: The kind, with what else was found out.
        absent: Whether the other table has no such column.
    """

    feature: str
    rows: int
    difference: Difference
    absent: bool = False


def name_differences(
    prepared: Prepared, found: RowDifferences, absent: Sequence[str], categorical: Mapping[str, bool]
) -> list[NamedDifference]:
    """Name how each feature that differs does so, in the order of the schema.

    Args:
        prepared: The run.
        found: Of all joined rows.
        absent: Features that the other table does not have.
        categorical: By feature, whether the model takes its values for names.
    """
    differing = {name: examples.rows() for name, examples in found.examples.items()}
    tables = {name: table for name, table in differing.items() if table is not None}
    history = _history(prepared, list(tables.values()))
    named = []
    for name in prepared.features:
        if name in absent and name in tables:
            rows_here = int(found.features[name].differing[0].sum())
            named.append(NamedDifference(name, rows_here, Difference(NOT_SERVED, 1.0), absent=True))
        elif name in tables:
            counts = found.features[name]
            rows = _differing_rows(tables[name], categorical.get(name, False), counts.equal)
            logged = _logged(tables[name], history, name, prepared.config.traffic)
            kind = find_kind(rows, counts, found.slices.kept(), logged)
            named.append(NamedDifference(name, int(counts.differing[0].sum()), kind))
    return named


def _differing_rows(table: pa.Table, categorical: bool, equal: tuple[float, float]) -> DifferingRows:
    columns = {name: table.column(f"@{name}").combine_chunks() for name in ("here", "there")}
    statuses = table.column("@status").combine_chunks() if "@status" in table.column_names else None
    return DifferingRows(columns["here"], columns["there"], categorical, statuses, equal)


def _history(prepared: Prepared, tables: Sequence[pa.Table]) -> pa.Table | None:
    """All rows of the entities of some examples; None where the traffic names no entity or no time."""
    traffic = prepared.config.traffic
    if traffic.entity is None or traffic.time is None or not tables:
        return None
    entities = pa.concat_arrays([table.column(ENTITY).combine_chunks() for table in tables])
    return entity_history(prepared.spark, prepared.traffic, entities, prepared.plan.columns, None, MOST_HISTORY)


def _logged(table: pa.Table, history: pa.Table | None, feature: str, traffic: TrafficConfig) -> LoggedValues | None:
    if history is None or not history.num_rows or traffic.entity is None:
        return None
    batch = history.combine_chunks().to_batches()[0]
    times = table.column(TIME).combine_chunks().fill_null(0).to_numpy()
    return LoggedValues(
        entity=batch.column("entity"),
        time_us=batch.column("time_us").to_numpy(),
        values=feature_column(batch, feature),
        asked=table.column(ENTITY).combine_chunks(),
        asked_us=np.ascontiguousarray(times),
    )
