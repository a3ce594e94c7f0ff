"""A few rows of many, chosen by the hash of their key: the same ones whoever reads them, in whatever order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.hashing import Keys

Places = NDArray[np.int64]


class SmallestHashes:
    """The rows with the smallest hashes. Mergeable.

    Args:
        most: Rows that are kept.

    Attributes:
        hashes: ``(num_kept,)``, ascending.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.hashes: Keys = np.zeros(0, dtype=np.uint64)
        self._rows: pa.Table | None = None

    def add(self, hashes: Keys, take: Callable[[Places], pa.RecordBatch]) -> None:
        """Add rows.

        Args:
            hashes: ``(num_rows,)``.
            take: From places among them to rows; asked only for those that may be kept.
        """
        places = np.arange(hashes.size)
        if self.hashes.size == self.most:
            places = np.flatnonzero(hashes < self.hashes[-1])
        if places.size > self.most:
            places = places[np.argpartition(hashes[places], self.most)[: self.most]]
        if places.size:
            self._put(hashes[places], pa.Table.from_batches([take(places)]))

    def merge(self, other: SmallestHashes) -> None:
        """Add another's rows."""
        if other._rows is not None:
            self._put(other.hashes, other._rows)

    def rows(self) -> pa.Table | None:
        """The rows, by hash; None where there is none."""
        return self._rows

    def _put(self, hashes: Keys, rows: pa.Table) -> None:
        if self._rows is not None:
            hashes = np.concatenate((self.hashes, hashes))
            rows = pa.concat_tables([self._rows, rows], promote_options="permissive")
        order = np.argsort(hashes, kind="stable")[: self.most]
        self.hashes = hashes[order]
        self._rows = rows.take(pa.array(order)).combine_chunks()
