"""One audit of tables that are not joined: how each feature is distributed in both."""

from __future__ import annotations

import pickle
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import islice
from typing import Final, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.audit.columns.beside import BesideValues
from replay.audit.columns.cells import ValueCells, cells_of
from replay.audit.columns.column_counts import ColumnCounts
from replay.config import AuditConfig
from replay.config.sections.other_tables.sources import FEAST_CODES, FEAST_STATUS, FEAST_TIME, ValueStatus
from replay.config.sections.traffic import TimeColumn
from replay.features import feature_column
from replay.flows.audit.columns import (
    categorical_features,
    columns_beside,
    compared_features,
    families_of,
    names_there,
    sample_rows,
    time_columns_beside,
)
from replay.flows.audit.pairing import meanings_of
from replay.flows.sources.distributions import no_rows
from replay.flows.stages.prepare import Prepared
from replay.scoring.core import to_utc
from replay.traffic import PinnedSource, PinnedTraffic, TableBatches, find_column

_T = TypeVar("_T")
_SAMPLE: Final = 20_000
"""Rows of the other table whose values make the cells."""
_DAY: Final = timedelta(days=1)
_AT_ONCE: Final = 128
"""Features that are counted in one pass: of each a task holds a megabyte at most."""
_JOINED_ROWS: Final = 1 << 16
_JOINED_BYTES: Final = 64 << 20


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
        bucket: Of time.
    """

    name: str
    audit: AuditConfig
    here: ColumnCounts
    there: ColumnCounts
    absent: tuple[str, ...]
    compared: tuple[str, ...]
    families: Mapping[str, Sequence[str]]
    bucket: timedelta = _DAY


@dataclass(frozen=True)
class CountingPass:
    """What a task does with the rows of one table. Picklable.

    Attributes:
        cells: By feature.
        names: The table's column or path, by feature.
        segments: The same of the slices.
        time: The table's event time, if any.
        bucket: Of the time.
        value_times: Where it says when a feature's value was computed.
        statuses: Where it says why a feature's value is missing.
        meanings: What a status means, by its text.
    """

    cells: Mapping[str, ValueCells]
    names: Mapping[str, str]
    segments: Mapping[str, str]
    time: TimeColumn | None
    bucket: timedelta
    value_times: Mapping[str, str] = field(default_factory=dict)
    statuses: Mapping[str, str] = field(default_factory=dict)
    meanings: Mapping[str, str] = field(default_factory=dict)

    def run(self, prepared: Prepared, table: PinnedTraffic) -> ColumnCounts:
        """Count all selected rows, some features at a time: memory does not grow with their number."""
        found: ColumnCounts | None = None
        for features in _chunks(self.cells) if self.cells else [()]:
            some = self._of(features)
            counts = some._merged(TableBatches(prepared.spark, table).fold(some._roots(table), some.update, some.merge))
            counts.finish(some.value_times, some.statuses)
            if found is None:
                found = counts
            else:
                found.join(counts)
        assert found is not None
        return found

    def _of(self, features: Collection[str]) -> CountingPass:
        """The pass over some features."""
        return replace(
            self,
            cells=_some(self.cells, features),
            names=_some(self.names, features),
            value_times=_some(self.value_times, features),
            statuses=_some(self.statuses, features),
        )

    def _roots(self, table: PinnedTraffic) -> list[str]:
        """The top-level columns that are read."""
        times = [] if self.time is None else [self.time.column]
        beside = (*self.value_times.values(), *self.statuses.values())
        used = [*self.names.values(), *self.segments.values(), *times, *beside]
        return list(dict.fromkeys(path.root for name in used if (path := find_column(table.schema, name)) is not None))

    def update(self, batches: Iterable[pa.RecordBatch]) -> bytes:
        """Count the rows of a task."""
        counts = ColumnCounts(self.cells)
        for batch in joined_batches(batches):
            columns = {feature: feature_column(batch, name) for feature, name in self.names.items()}
            segments = {segment: feature_column(batch, name) for segment, name in self.segments.items()}
            events = self._events(batch)
            counts.update(columns, segments, self._buckets(events, batch.num_rows), self._beside(batch, events))
        return pickle.dumps(counts, protocol=pickle.HIGHEST_PROTOCOL)

    def merge(self, states: Iterable[bytes]) -> bytes:
        """Several states as one."""
        return pickle.dumps(self._merged(states), protocol=pickle.HIGHEST_PROTOCOL)

    def _merged(self, states: Iterable[bytes]) -> ColumnCounts:
        counts = ColumnCounts(self.cells)
        for packed in states:
            counts.merge(pickle.loads(packed))  # what the tasks of this very program answered
        return counts

    def _events(self, batch: pa.RecordBatch) -> pa.Array | None:
        """Event times in microseconds."""
        if self.time is None:
            return None
        return to_utc(feature_column(batch, self.time.column), self.time.unit).cast(pa.int64())

    def _buckets(self, events: pa.Array | None, num_rows: int) -> NDArray[np.int64]:
        if events is None:
            return np.zeros(num_rows, dtype=np.int64)
        moments = events.fill_null(0).to_numpy(zero_copy_only=False)
        found: NDArray[np.int64] = moments // (self.bucket // timedelta(microseconds=1))
        return found

    def _beside(self, batch: pa.RecordBatch, events: pa.Array | None) -> BesideValues:
        times = dict.fromkeys(self.value_times.values()) if events is not None else {}
        return BesideValues(
            events,
            {name: to_utc(feature_column(batch, name), None).cast(pa.int64()) for name in times},
            {
                name: meanings_of(feature_column(batch, name), self.meanings)
                for name in dict.fromkeys(self.statuses.values())
            },
        )


def _some(named: Mapping[str, _T], names: Collection[str]) -> dict[str, _T]:
    return {name: named[name] for name in names if name in named}


def joined_batches(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of 65,536 rows or 64 MiB: what is done once a batch counts for less."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if (
            sum(each.num_rows for each in waiting) >= _JOINED_ROWS
            or sum(each.nbytes for each in waiting) >= _JOINED_BYTES
        ):
            yield _one(waiting)
            waiting = []
    if waiting:
        yield _one(waiting)


def _one(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)


def count_both(prepared: Prepared, name: str) -> UnjoinedAudit:
    """Count the values of each feature in the traffic and in another table.

    Args:
        prepared: The run, with all other tables opened.
        name: Of the audit.

    Raises:
        ConfigError: The tables have no feature in common that the audit is of, or the other one has no rows.
    """
    config = prepared.config
    audit = config.audits[name]
    source = prepared.sources[audit.against]
    compared = compared_features(prepared, name, audit)
    names = names_there(source, compared, name)
    cells = _cells(prepared, source, names)
    bucket = audit.bucket or source.config.buckets or _DAY
    wanted = audit.by or config.traffic.segments
    segments = {each: source.config.name_of(each) for each in wanted if source.column_of(each) is not None}
    ours, theirs = {each: each for each in cells}, {each: names[each] for each in cells}
    features, entry = config.features, source.config
    here = CountingPass(
        cells,
        ours,
        {each: each for each in segments},
        config.traffic.time,
        bucket,
        *_beside(prepared.traffic.schema, features.value_time, features.value_status, ours),
    )
    there = CountingPass(
        cells,
        theirs,
        segments,
        source.table.config.time,
        bucket,
        *_beside(source.table.schema, entry.value_time, entry.value_status, theirs),
    )
    other = there.run(prepared, source.table)
    if not other.rows:
        raise no_rows(source.name)
    return UnjoinedAudit(
        name,
        audit,
        here.run(prepared, prepared.traffic),
        other,
        tuple(each for each in compared if each not in names),
        compared,
        families_of(prepared),
        bucket,
    )


def _cells(prepared: Prepared, source: PinnedSource, names: Mapping[str, str]) -> dict[str, ValueCells]:
    """Cells of each feature, by some values of the other table."""
    categorical = categorical_features(prepared)
    made: dict[str, ValueCells] = {}
    for features in _chunks(names):
        batch = sample_rows(prepared.spark, source.table, [names[each] for each in features], _SAMPLE)
        for each in features:
            found = cells_of(feature_column(batch, names[each]), categorical=categorical[each])
            made |= {} if found is None else {each: found}
    return made


def _chunks(names: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Features that are read at once."""
    some = iter(names)
    while chunk := tuple(islice(some, _AT_ONCE)):
        yield chunk


def _beside(
    schema: pa.Schema, value_time: str | None, value_status: ValueStatus | None, names: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str], Mapping[str, str]]:
    """Value times and statuses by feature, and what a status means."""
    status = value_status if isinstance(value_status, str) else FEAST_STATUS
    meanings = value_status if isinstance(value_status, dict) else FEAST_CODES
    times = time_columns_beside(schema, value_time or FEAST_TIME, names)
    return times, columns_beside(schema, status, names), meanings
