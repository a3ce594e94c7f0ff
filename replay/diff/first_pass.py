"""The sums and the worst rows of a diff, in one pass over its scores."""

from __future__ import annotations

from typing import Self

import pyarrow as pa

from replay.diff.grid import DiffState
from replay.diff.spec import DiffSpec
from replay.diff.worst import WorstRows


class FirstPass:
    """The sums and the worst rows: a mergeable state.

    Attributes:
        sums: Everything that is measured.
        worst: The worst rows of each variant.
    """

    def __init__(self, sums: DiffState, worst: WorstRows) -> None:
        self.sums = sums
        self.worst = worst

    @classmethod
    def empty(cls, spec: DiffSpec, key: tuple[str, ...], worst_rows: int) -> FirstPass:
        """One that has seen no row.

        Args:
            spec: What to read and how to judge.
            key: Columns that identify a row.
            worst_rows: Rows kept for each variant.
        """
        return cls(DiffState(spec), WorstRows(spec, key, worst_rows))

    def update(self, batch: pa.RecordBatch) -> Self:
        """Add a batch of the scores table."""
        self.sums.update(batch)
        self.worst.update(batch)
        return self

    def merge(self, other: Self) -> Self:
        """Add another state of the same spec."""
        self.sums.merge(other.sums)
        self.worst.merge(other.worst)
        return self

    def to_bytes(self) -> bytes:
        """Pack for the way between our own processes."""
        sums = self.sums.to_bytes()
        return len(sums).to_bytes(8, "little") + sums + self.worst.to_bytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> FirstPass:
        """Unpack what ``to_bytes`` of this very program packed; never feed it bytes of another origin."""
        end = 8 + int.from_bytes(data[:8], "little")
        return cls(DiffState.from_bytes(data[8:end]), WorstRows.from_bytes(data[end:]))
