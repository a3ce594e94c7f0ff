"""Rows that tasks leave out, by their places in splits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


@dataclass(frozen=True)
class DroppedRows:
    """Rows to leave out. Picklable and small: the places lie in files.

    Attributes:
        files: Of records of ``split`` and ``row``, each sorted.
        rows: How many, in all.
    """

    files: tuple[str, ...]
    rows: int

    def without(self, number: int, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The rows of a split that are not left out.

        Args:
            number: The split's.
            batches: All of its selected rows, in order.
        """
        dropped = self.places(number)
        first = 0
        for batch in batches:
            start, stop = np.searchsorted(dropped, [first, first + batch.num_rows])
            if stop > start:
                kept = np.ones(batch.num_rows, dtype=bool)
                kept[dropped[start:stop] - first] = False
                yield batch.filter(pa.array(kept))
            else:
                yield batch
            first += batch.num_rows

    def places(self, number: int) -> NDArray[np.int64]:
        """The rows of a split that are left out, sorted."""
        found = []
        for file in self.files:
            records = np.load(file, mmap_mode="r", allow_pickle=False)
            start, stop = np.searchsorted(records["split"], [number, number + 1])
            found.append(np.asarray(records["row"][start:stop], np.int64))
        return np.sort(np.concatenate([np.empty(0, np.int64), *found]))
