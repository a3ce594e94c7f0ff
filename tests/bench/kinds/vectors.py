"""Vectors of one length, such as the embedding of a user."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tests.bench.kinds.kind import Array
from tests.bench.kinds.model import VECTOR


class Vectors:
    """See :class:`tests.bench.kinds.kind.FeatureKind`."""

    name = "vectors"
    columns = ("vector",)
    dictionaries = ()

    def make(self, random: np.random.Generator, rows: int) -> dict[str, pa.Array]:
        values = random.standard_normal(rows * VECTOR, dtype=np.float32)
        return {"vector": pa.FixedSizeListArray.from_arrays(pa.array(values), VECTOR)}

    def inputs(self) -> list[dict[str, object]]:
        return [{"name": "vector", "dtype": "float32", "feature": "vector", "length": VECTOR}]

    def encode(self, table: pa.Table) -> list[Array]:
        parts = [chunk.flatten().to_numpy().reshape(-1, VECTOR) for chunk in table.column("vector").chunks]
        return [parts[0] if len(parts) == 1 else np.concatenate(parts)]
