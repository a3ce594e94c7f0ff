"""A look at rows in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pyarrow as pa

from replay.traffic import KeyCount


class RowsLook:
    """A table in memory; keys are counted by plain Python."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        self.schema = table.schema
        self.num_rows = len(table)
        self.asked: list[tuple[str, ...]] = []

    def sample(self) -> pa.RecordBatch:
        batches = self.table.combine_chunks().to_batches()
        return batches[0] if batches else pa.RecordBatch.from_pylist([], self.schema)

    def count_keys(self, keys: Sequence[tuple[str, ...]]) -> tuple[KeyCount, ...]:
        self.asked += keys
        return tuple(self._count(key) for key in keys)

    def _count(self, key: tuple[str, ...]) -> KeyCount:
        rows = list(zip(*(self.table[name].to_pylist() for name in key), strict=True))
        sizes = Counter(rows)
        repeated = sum(size for size in sizes.values() if size > 1)
        return KeyCount(key, len(rows), len(sizes), repeated, sum(None in row for row in rows))
