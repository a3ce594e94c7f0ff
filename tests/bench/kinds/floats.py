"""Floats, of which some may be null."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tests.bench.kinds.kind import Array, FeatureKind, stack, with_nulls


class Floats(FeatureKind):
    """See :class:`tests.bench.kinds.kind.FeatureKind`."""

    name = "floats"

    def __init__(self, count: int, null_rate: float) -> None:
        self.columns = tuple(f"f{place}" for place in range(count))
        self._null_rate = null_rate

    def make(self, random: np.random.Generator, rows: int) -> dict[str, pa.Array]:
        return {
            name: with_nulls(random.standard_normal(rows, dtype=np.float32), random, self._null_rate, pa.float32())
            for name in self.columns
        }

    def inputs(self) -> list[dict[str, object]]:
        return [{"name": "floats", "dtype": "float32", "features": list(self.columns), "missing": 0.0}]

    def part(self) -> dict[str, object]:
        return {"part": "as_given", "width": len(self.columns)}

    def encode(self, table: pa.Table) -> list[Array]:
        return [stack(table, self.columns, 0.0, np.float32)]
