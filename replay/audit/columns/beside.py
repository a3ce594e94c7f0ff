"""What stands beside a feature's values: when each was computed, and why one is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa

from replay.audit.columns.ages import Places, ValueAges
from replay.audit.columns.partitions import Partition
from replay.audit.columns.states import Stat, named_quantiles
from replay.features.codecs.buffers import plain

_MOST_STATUSES: Final = 100
"""Different statuses of a column; one that has more says something else."""


@dataclass(frozen=True)
class BesideValues:
    """Columns beside those of features, each once however many features it is of.

    Attributes:
        events: ``(num_rows,)`` int64 microseconds since 1970, null where unknown; None of a table without a time.
        value_times: By column, the same of when the value was computed.
        statuses: By column, why the value is missing, as text.
    """

    events: pa.Array | None = None
    value_times: Mapping[str, pa.Array] = field(default_factory=dict)
    statuses: Mapping[str, pa.Array] = field(default_factory=dict)


class BesideCounts:
    """Counts of them. Mergeable; any order is alike.

    Attributes:
        ages: By column.
        statuses: Rows by status, null as ``null``, by column; empty of one that has too many.
    """

    def __init__(self) -> None:
        self.ages: dict[str, ValueAges] = {}
        self.statuses: dict[str, dict[str, int]] = {}
        self._dropped: set[str] = set()

    def update(self, beside: BesideValues, partitions: Sequence[Partition]) -> None:
        """Add rows."""
        for name, column in beside.statuses.items():
            encoded = plain(column).cast(pa.string()).fill_null("null").value_counts()
            self._add(name, {each["values"]: each["counts"] for each in encoded.to_pylist()})
        if beside.events is None:
            return
        events, known = _moments(beside.events)
        for name, column in beside.value_times.items():
            values, computed = _moments(column)
            self.ages.setdefault(name, ValueAges()).update(events, values, known & computed, partitions)

    def merge(self, other: BesideCounts, numbers: Places) -> None:
        """Add another's rows; ``numbers`` are those here of its slices, -1 where one is dropped."""
        self._dropped |= other._dropped
        for name, statuses in other.statuses.items():
            self._add(name, statuses)
        for name, ages in other.ages.items():
            self.ages.setdefault(name, ValueAges()).merge(ages, numbers)

    def statistics(self, value_time: str | None, status: str | None) -> Iterator[Stat]:
        """Statistics of a feature beside which there are these columns."""
        ages = self.ages.get(value_time) if value_time is not None else None
        if ages is not None:
            yield from named_quantiles(*ages.seconds.filled(), "age_")
        statuses = self.statuses.get(status, {}) if status is not None else {}
        for name, rows in sorted(statuses.items()):
            yield f"status={name}", rows / sum(statuses.values())

    def _add(self, name: str, statuses: Mapping[str, int]) -> None:
        held = self.statuses.setdefault(name, {})
        for status, rows in statuses.items():
            held[status] = held.get(status, 0) + rows
        if name in self._dropped or len(held) > _MOST_STATUSES:
            self._dropped.add(name)
            held.clear()


def _moments(column: pa.Array) -> tuple[Places, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Microseconds, anything where unknown; and where they are known."""
    known = column.is_valid().to_numpy(zero_copy_only=False)
    filled = column.fill_null(0) if column.null_count else column
    return filled.to_numpy(zero_copy_only=False), known
