"""Integer ids, each the index of a row of an embedding."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tests.bench.kinds.kind import Array, FeatureKind, stack


class Ids(FeatureKind):
    """See :class:`tests.bench.kinds.kind.FeatureKind`."""

    name = "ids"

    def __init__(self, count: int, values: int) -> None:
        self.columns = tuple(f"c{place}" for place in range(count))
        self._values = values

    def make(self, random: np.random.Generator, rows: int) -> dict[str, pa.Array]:
        # A few are common and most are rare, as ids are.
        return {name: pa.array((self._values * random.random(rows) ** 3).astype(np.int64)) for name in self.columns}

    def inputs(self) -> list[dict[str, object]]:
        return [{"name": "ids", "dtype": "int64", "features": list(self.columns), "missing": 0}]

    def part(self) -> dict[str, object]:
        return {"part": "embedded", "rows": [self._values] * len(self.columns), "stacked": True}

    def encode(self, table: pa.Table) -> list[Array]:
        return [stack(table, self.columns, 0, np.int64)]
