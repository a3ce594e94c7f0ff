"""Vectors of one length, such as the embedding of a user."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tests.bench.kinds.kind import Array, FeatureKind

LENGTH = 32


class Vectors(FeatureKind):
    """See :class:`tests.bench.kinds.kind.FeatureKind`."""

    name = "vectors"
    columns = ("vector",)

    def make(self, random: np.random.Generator, rows: int) -> dict[str, pa.Array]:
        values = random.standard_normal(rows * LENGTH, dtype=np.float32)
        return {"vector": pa.FixedSizeListArray.from_arrays(pa.array(values), LENGTH)}

    def inputs(self) -> list[dict[str, object]]:
        return [{"name": "vector", "dtype": "float32", "feature": "vector", "length": LENGTH}]

    def part(self) -> dict[str, object]:
        return {"part": "as_given", "width": LENGTH}

    def encode(self, table: pa.Table) -> list[Array]:
        parts = [chunk.flatten().to_numpy().reshape(-1, LENGTH) for chunk in table.column("vector").chunks]
        return [parts[0] if len(parts) == 1 else np.concatenate(parts)]
