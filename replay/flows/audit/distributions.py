"""One audit of tables that are not joined: how each feature is distributed in both."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.audit.columns.cells import ValueCells, cells_of
from replay.audit.columns.column_counts import ColumnCounts
from replay.config import AuditConfig
from replay.config.sections.traffic import TimeColumn
from replay.features import feature_column
from replay.flows.audit.columns import categorical_features, compared_features, families_of, names_there, some_rows
from replay.flows.stages.prepare import Prepared
from replay.scoring.core import to_utc
from replay.traffic import PinnedTraffic, TableBatches, find_column, scan_dataframe

_SAMPLE: Final = 20_000
"""Rows of the other table whose values make the cells."""
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class UnjoinedAudit:
    """Counts of two tables whose rows do not belong to each other.

    Attributes:
        name: Of the audit.
        audit: Its section.
        here: The traffic's counts by feature.
        there: The other table's.
        absent: Features that the other table does not have.
        compared: Features that were compared.
        families: Features by family.
    """

    name: str
    audit: AuditConfig
    here: ColumnCounts
    there: ColumnCounts
    absent: tuple[str, ...]
    compared: tuple[str, ...]
    families: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class CountingPass:
    """What a task does with the rows of one table. Picklable.

    Attributes:
        cells: By feature.
        names: The table's column or path, by feature.
        segments: The same of the slices.
        time: The table's event time, if any.
        bucket: Of the time.
    """

    cells: Mapping[str, ValueCells]
    names: Mapping[str, str]
    segments: Mapping[str, str]
    time: TimeColumn | None
    bucket: timedelta

    def run(self, prepared: Prepared, table: PinnedTraffic) -> ColumnCounts:
        """Count all selected rows."""
        used = [*self.names.values(), *self.segments.values()] + ([] if self.time is None else [self.time.column])
        roots = dict.fromkeys(path.root for name in used if (path := find_column(table.schema, name)) is not None)
        return self._merged(TableBatches(prepared.spark, table).fold(list(roots), self.update, self.merge))

    def update(self, batches: Iterable[pa.RecordBatch]) -> bytes:
        """Count the rows of a task."""
        counts = ColumnCounts(self.cells)
        for batch in batches:
            columns = {feature: feature_column(batch, name) for feature, name in self.names.items()}
            segments = {segment: feature_column(batch, name) for segment, name in self.segments.items()}
            counts.update(columns, segments, self._buckets(batch))
        return pickle.dumps(counts, protocol=pickle.HIGHEST_PROTOCOL)

    def merge(self, states: Iterable[bytes]) -> bytes:
        """Several states as one."""
        return pickle.dumps(self._merged(states), protocol=pickle.HIGHEST_PROTOCOL)

    def _merged(self, states: Iterable[bytes]) -> ColumnCounts:
        counts = ColumnCounts(self.cells)
        for packed in states:
            counts.merge(pickle.loads(packed))  # what the tasks of this very program answered
        return counts

    def _buckets(self, batch: pa.RecordBatch) -> NDArray[np.int64]:
        if self.time is None:
            return np.zeros(batch.num_rows, dtype=np.int64)
        moments = to_utc(feature_column(batch, self.time.column), self.time.unit).cast(pa.int64()).fill_null(0)
        found: NDArray[np.int64] = moments.to_numpy(zero_copy_only=False) // (self.bucket // timedelta(microseconds=1))
        return found


def count_both(prepared: Prepared, name: str) -> UnjoinedAudit:
    """Count the values of each feature in the traffic and in another table.

    Args:
        prepared: The run, with all other tables opened.
        name: Of the audit.

    Raises:
        ConfigError: The tables have no feature in common that the audit is of.
    """
    config = prepared.config
    audit = config.audits[name]
    source = prepared.sources[audit.against]
    compared = compared_features(prepared, name, audit)
    names = names_there(source, compared, name)
    categorical = categorical_features(prepared)
    batch = some_rows(scan_dataframe(prepared.spark, source.table, list(names.values())), _SAMPLE)
    made = {each: cells_of(feature_column(batch, path), categorical=categorical[each]) for each, path in names.items()}
    cells = {each: found for each, found in made.items() if found is not None}
    bucket = audit.bucket or source.config.buckets or _DAY
    wanted = audit.by or config.traffic.segments
    there = {each: source.config.name_of(each) for each in wanted if source.column_of(each) is not None}
    here = CountingPass(
        cells, {each: each for each in cells}, {each: each for each in there}, config.traffic.time, bucket
    )
    theirs = {each: names[each] for each in cells}
    other = CountingPass(cells, theirs, there, source.table.config.time, bucket)
    return UnjoinedAudit(
        name,
        audit,
        here.run(prepared, prepared.traffic),
        other.run(prepared, source.table),
        tuple(each for each in compared if each not in names),
        compared,
        families_of(prepared),
    )
