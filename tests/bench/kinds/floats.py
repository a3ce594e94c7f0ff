"""Floats of which some are null."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tests.bench.kinds.kind import Array, with_nulls
from tests.bench.kinds.model import FLOATS

NULL_RATE = 0.05


class Floats:
    """See :class:`tests.bench.kinds.kind.FeatureKind`."""

    name = "floats"
    columns = tuple(f"f{place}" for place in range(FLOATS))
    dictionaries = ()

    def make(self, random: np.random.Generator, rows: int) -> dict[str, pa.Array]:
        return {
            name: with_nulls(random.standard_normal(rows, dtype=np.float32), random, NULL_RATE, pa.float32())
            for name in self.columns
        }

    def inputs(self) -> list[dict[str, object]]:
        return [{"name": "floats", "dtype": "float32", "features": list(self.columns), "missing": 0.0}]

    def encode(self, table: pa.Table) -> list[Array]:
        # Column by column in memory, and seen as rows: torch takes either layout.
        out = np.empty((FLOATS, table.num_rows), np.float32)
        for place, name in enumerate(self.columns):
            start = 0
            for chunk in table.column(name).chunks:
                out[place, start : start + len(chunk)] = chunk.fill_null(0.0).to_numpy()
                start += len(chunk)
        return [out.T]
