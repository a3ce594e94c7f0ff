"""One audit of joined tables: what is compared, found in one pass, named, and planned to be costed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from replay.audit.columns.cells import ValueCells, cells_of
from replay.audit.compare import as_floats
from replay.config import Input
from replay.config.sections.other_tables.sources import FEAST_STATUS, FEAST_TIME
from replay.features import feature_column
from replay.features.codecs.buffers import plain
from replay.flows.audit.columns import (
    categorical_features,
    columns_beside,
    compared_features,
    families_of,
    inputs_of,
    names_there,
    nullable_features,
    some_rows,
    takes_null,
    time_columns_beside,
    types_of,
)
from replay.flows.audit.differences import PairedPass
from replay.flows.audit.name_differences import name_differences
from replay.flows.audit.pairing import PairedColumns, paired_dataframe, paired_splits
from replay.flows.audit.plan import plan_costs, values_of_source
from replay.flows.audit.summarize import JoinedAudit
from replay.flows.problems import located
from replay.flows.sources.indexing import SourceIndexes
from replay.flows.stages.prepare import Prepared
from replay.spark.tasks.arrow_mapping import ScannedBatches
from replay.traffic import PinnedSource, draw_direct, find_column
from replay.traffic.read.batches import SplitBatches
from replay.traffic.sources.types import needs_look, value_problem

_SAMPLE: Final = 5_000
"""Rows whose values make the cells in which leakage is looked for."""


def join_audit(prepared: Prepared, name: str, indexes: SourceIndexes, measured: Sequence[str] = ()) -> JoinedAudit:
    """Compare the traffic with another table row by row.

    Args:
        prepared: The run, with all other tables opened.
        name: Of the audit.
        indexes: Of other tables, where tasks find their rows.
        measured: Checkpoints of which another audit measures what matters to them.

    Raises:
        ConfigError: The tables have no feature in common that the audit is of.
    """
    config = prepared.config
    audit = config.audits[name]
    source = prepared.sources[audit.against]
    compared = compared_features(prepared, name, audit)
    with located(config):
        columns = _columns(prepared, source, compared, name)
    cells = _cells(prepared, compared) if audit.leakage else None
    found, leakage = PairedPass(columns, cells).run(*_paired(prepared, source, indexes, columns))
    inputs, types, families = inputs_of(prepared), types_of(prepared), families_of(prepared)
    differences = name_differences(prepared, found, columns.absent, categorical_features(prepared))
    examples = {each: state.rows() for each, state in found.examples.items()}
    refused = {each: _refusal(types[each], source, each, inputs[each], examples.get(each)) for each in compared}
    plan = plan_costs(
        name,
        audit,
        config,
        differences,
        families,
        {each: why for each, why in refused.items() if why is not None},
        () if (audit.checkpoints or (config.baseline,))[0] in measured else nullable_features(config, inputs),
        found.rows + found.unmatched,
        values_of_source(audit.against),
    )
    there = prepared.matches[audit.against].rows_there
    return JoinedAudit(name, audit, found, leakage, differences, plan, compared, families, there)


def _paired(
    prepared: Prepared, source: PinnedSource, indexes: SourceIndexes, columns: PairedColumns
) -> tuple[SplitBatches | ScannedBatches, Sequence[str]]:
    """The joined rows, and the names of their columns: as tasks read them, or by Spark where only Spark can."""
    spark, traffic = prepared.spark, prepared.traffic
    if _tasks_read(prepared):
        index = indexes.of(source, columns.there)
        if not isinstance(index, str):
            plan = paired_splits(spark, traffic, source, index, columns)
            return SplitBatches(spark, plan.splits, lambda _: plan), plan.schema.names
    rows = paired_dataframe(spark, prepared.scan(), traffic, source, columns)
    return ScannedBatches(rows), rows.columns


def _tasks_read(prepared: Prepared) -> bool:
    """Whether tasks read the traffic themselves, and leave out no copies."""
    return prepared.plan.reader == "direct" and prepared.config.traffic.duplicates == "refuse"


def _columns(prepared: Prepared, source: PinnedSource, compared: Iterable[str], name: str) -> PairedColumns:
    """What is read of both tables.

    Raises:
        ConfigError: The other table has none of the features.
    """
    names = names_there(source, compared, name)
    schema = source.table.schema
    times = time_columns_beside(schema, source.config.value_time or FEAST_TIME, names)
    statuses = columns_beside(schema, source.config.status_column or FEAST_STATUS, names)
    known = [] if source.config.known_at is None else [source.config.known_at]
    read = [*names.values(), *times.values(), *statuses.values(), *known]
    roots = dict.fromkeys(path.root for each in read if (path := find_column(schema, each)) is not None)
    return PairedColumns(
        prepared.config.traffic,
        prepared.config.audits[name].by or prepared.config.traffic.segments,
        tuple(prepared.plan.columns),
        tuple(roots),
        names,
        times,
        statuses,
        source.config.status_codes,
        source.config.known_at,
        tuple(each for each in compared if each not in names),
    )


def _cells(prepared: Prepared, compared: Iterable[str]) -> dict[str, ValueCells]:
    """Cells of the traffic's values, of some rows."""
    direct = _tasks_read(prepared)
    batch = draw_direct(prepared.plan, _SAMPLE).batch if direct else some_rows(prepared.scan(), _SAMPLE)
    made = {each: cells_of(feature_column(batch, each)) for each in compared}
    return {each: cells for each, cells in made.items() if cells is not None}


def _refusal(
    kind: pa.DataType, source: PinnedSource, feature: str, entry: Input, examples: pa.Table | None
) -> str | None:
    """Why the other table's values cannot be given to the model; None where they can."""
    path = source.column_of(feature)
    if path is None:
        return None if takes_null(entry, feature) else "the model has no default for a null of it"
    why = value_problem(kind, path.type)
    if why is None and examples is not None and needs_look(kind, path.type):
        numbers = as_floats(plain(examples.column("@there").combine_chunks()))
        why = (
            None if (np.isnan(numbers) | (numbers == np.trunc(numbers))).all() else f"it is no whole number, as {kind}"
        )
    return None if why is None else f"the model cannot be given its values: {why}"
