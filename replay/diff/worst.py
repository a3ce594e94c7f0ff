"""The rows of each variant that are furthest from what online answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from replay.diff.chunk import Chunk, Column
from replay.diff.chunked_state import ChunkedState
from replay.diff.comparison import RowComparison, compare_rows
from replay.diff.slices.measures import bucket_time
from replay.diff.spec import DiffSpec

Codes = NDArray[np.int64]

BEYOND_TOLERANCE = "beyond_tolerance"
NON_FINITE = "non_finite"
MISSING_ONLINE = "missing_online"
MISSING_REPLAYED = "missing_replayed"


@dataclass(frozen=True, slots=True)
class RowDelta:
    """A row whose replayed score is not what online answered.

    Attributes:
        variant: Name of the variant.
        kind: ``beyond_tolerance``; ``non_finite``: one side is NaN or infinite; ``missing_online`` or
            ``missing_replayed``: one side has no score.
        key: Value of each key column.
        time: Event time in UTC, or None.
        online: None where it is missing; may be NaN.
        replayed: None where it is missing; may be NaN.
        delta: replayed - online; None where it is not a finite number.
    """

    variant: str
    kind: str
    key: Mapping[str, Any]
    time: datetime | None
    online: float | None
    replayed: float | None
    delta: float | None


@dataclass(frozen=True, slots=True)
class _Bad:
    """Rows of a chunk that disagree, or have one score only.

    Attributes:
        rows: ``(num_bad,)``.
        compared: Of these rows.
    """

    rows: Codes
    compared: RowComparison

    def take(self, places: Codes) -> _Bad:
        """Some of them."""
        return _Bad(self.rows[places], self.compared.take(places))

    def replaced(self, rows: Codes, others: _Bad, num_rows: int) -> _Bad:
        """What is bad once some rows of the chunk have other scores."""
        touched = np.zeros(num_rows, dtype=bool)
        touched[rows] = True
        left = self.take(np.flatnonzero(~touched[self.rows]))
        return _Bad(np.concatenate((left.rows, others.rows)), left.compared.joined(others.compared))


class WorstRows(ChunkedState):
    """The ``limit`` worst rows of each variant: mergeable, and the same rows however the table is cut.

    Rows with one score, or with a NaN or infinite one, come first, then those beyond tolerance by ``|delta|``; rows
    that are as bad as each other go by key, ascending. Rows that agree, or have neither score, are never among them.

    Args:
        spec: The diff.
        key: Columns that identify a row.
        limit: Rows kept for each variant.
    """

    def __init__(self, spec: DiffSpec, key: tuple[str, ...], limit: int) -> None:
        super().__init__(replace(spec, label=None, weight=None, group=None, segments=()))
        self.key = key
        self.limit = limit
        self._kept: dict[str, pa.Table] = {}

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that the state reads, each once."""
        return tuple(dict.fromkeys((*self.spec.columns, *self.key)))

    def merge(self, other: Self) -> Self:
        """Add another state of the same spec; what ``other`` found stays as it is."""
        self.flush()
        other.flush()
        for variant, table in other._kept.items():
            self._keep(variant, table)
        return self

    def compute(self) -> dict[str, tuple[RowDelta, ...]]:
        """The worst rows by variant, worst first; a variant without any has an empty tuple."""
        self.flush()
        return {
            variant.name: tuple(self._row(variant.name, row) for row in self._rows(variant.name))
            for variant in self.spec.variants
        }

    def _rows(self, variant: str) -> list[dict[str, Any]]:
        table = self._kept.get(variant)
        return [] if table is None else table.to_pylist()

    def _row(self, variant: str, row: dict[str, Any]) -> RowDelta:
        key = {name: row[f"key{place}"] for place, name in enumerate(self.key)}
        time = None if row["time"] is None else bucket_time(row["time"])
        delta = None if row["badness"] == np.inf else row["replayed"] - row["online"]
        return RowDelta(variant, row["kind"], key, time, row["online"], row["replayed"], delta)

    def _add(self, chunk: Chunk) -> None:
        if not self.limit:
            return
        clean: dict[str, _Bad] = {}
        for variant in self.spec.variants:
            if variant.checkpoint is None:
                bad = self._bad(chunk, np.arange(chunk.rows), chunk.scores(variant.column))
                clean[variant.name] = bad
            else:
                rows, column = chunk.sparse_scores(variant.column)
                bad = clean[variant.checkpoint].replaced(rows, self._bad(chunk, rows, column), chunk.rows)
            picked, badness = self._candidates(bad.compared, variant.name)
            if picked.size:
                found = bad.take(picked)
                self._keep(variant.name, self._table(chunk, found.compared, found.rows, badness))

    def _bad(self, chunk: Chunk, rows: Codes, column: Column) -> _Bad:
        """Compare a column that holds some rows of the chunk."""
        online = chunk.online.take(rows)
        found = compare_rows(column.values, column.valid, online.values, online.valid, self.spec.tolerance)
        picked = np.flatnonzero(found.mismatched | (found.has_replayed ^ found.has_reference))
        return _Bad(rows[picked], found.take(picked))

    def _candidates(self, bad: RowComparison, variant: str) -> tuple[Codes, NDArray[np.float64]]:
        """Which of the rows may be among the worst, and how bad they are; infinity is worse than any delta."""
        picked = np.arange(bad.delta.size)
        badness = np.where(bad.paired, np.abs(bad.delta), np.inf)
        floor = 0.0
        kept = self._kept.get(variant)
        if kept is not None and kept.num_rows == self.limit:
            floor = kept.column("badness")[self.limit - 1].as_py()
        if picked.size > self.limit:
            floor = max(floor, float(np.partition(badness, picked.size - self.limit)[picked.size - self.limit]))
        worse = badness >= floor
        return picked[worse], badness[worse]

    def _table(self, chunk: Chunk, bad: RowComparison, picked: Codes, badness: NDArray[np.float64]) -> pa.Table:
        kind = np.where(np.isinf(badness), NON_FINITE, BEYOND_TOLERANCE)
        kind = np.where(bad.has_reference, kind, MISSING_ONLINE)
        kind = np.where(bad.has_replayed, kind, MISSING_REPLAYED)
        time = pa.nulls(picked.size, pa.int64())
        if chunk.time_us is not None:
            time = pa.array(chunk.time_us.values[picked], pa.int64(), mask=~chunk.time_us.valid[picked])
        keys = {f"key{place}": chunk.table.column(name).take(picked) for place, name in enumerate(self.key)}
        return pa.table(
            {
                "badness": badness,
                **keys,
                "kind": pa.array(kind, pa.string()),
                "time": time,
                "online": pa.array(bad.reference, mask=~bad.has_reference),
                "replayed": pa.array(bad.replayed, mask=~bad.has_replayed),
            }
        )

    def _keep(self, variant: str, found: pa.Table) -> None:
        kept = self._kept.get(variant)
        if kept is not None:
            if kept.num_rows == self.limit:
                found = self._before_last(kept, found)
            found = pa.concat_tables([kept, found])
        order = [("badness", "descending"), *((f"key{place}", "ascending") for place in range(len(self.key)))]
        self._kept[variant] = found.take(pc.sort_indices(found, sort_keys=order)[: self.limit]).combine_chunks()

    def _before_last(self, kept: pa.Table, found: pa.Table) -> pa.Table:
        """Drop what can't displace the last kept row, so that a table full of NaN is not sorted over and over."""
        last = kept.slice(self.limit - 1, 1)
        tie = pc.equal(found["badness"], last["badness"][0])
        late = pc.greater(found["key0"], last["key0"][0])
        return found.filter(pc.invert(pc.and_(tie, late)))
