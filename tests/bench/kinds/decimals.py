"""Decimals of which some are null: prices, with two places after the point."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tests.bench.kinds.kind import Array, FeatureKind

NULL_RATE = 0.05
_TYPE = pa.decimal128(12, 2)
_CENTS = 1_000
"""Prices lie below so many cents, near what a model takes."""


class Decimals(FeatureKind):
    """See :class:`tests.bench.kinds.kind.FeatureKind`."""

    name = "decimals"

    def __init__(self, count: int) -> None:
        self.columns = tuple(f"d{place}" for place in range(count))

    def make(self, random: np.random.Generator, rows: int) -> dict[str, pa.Array]:
        return {name: _decimals(random, rows) for name in self.columns}

    def inputs(self) -> list[dict[str, object]]:
        return [{"name": "decimals", "dtype": "float32", "features": list(self.columns), "missing": 0.0}]

    def part(self) -> dict[str, object]:
        return {"part": "as_given", "width": len(self.columns)}

    def encode(self, table: pa.Table) -> list[Array]:
        out = np.empty((len(self.columns), table.num_rows), np.float32)
        for place, name in enumerate(self.columns):
            start = 0
            for chunk in table.column(name).chunks:
                part = out[place, start : start + len(chunk)]
                # A decimal of up to 18 digits is the lower of two words.
                words = np.frombuffer(chunk.buffers()[1], np.int64)[2 * chunk.offset :: 2][: len(chunk)]
                np.divide(words, 100.0, out=part, casting="same_kind")
                if chunk.null_count:
                    part[chunk.is_null().to_numpy(zero_copy_only=False)] = 0.0
                start += len(chunk)
        return [out.T]


def _decimals(random: np.random.Generator, rows: int) -> pa.Array:
    words = np.zeros((rows, 2), np.int64)
    words[:, 0] = random.integers(0, _CENTS, rows)
    valid = np.packbits(random.random(rows) >= NULL_RATE, bitorder="little")
    return pa.Array.from_buffers(_TYPE, rows, [pa.py_buffer(valid), pa.py_buffer(words)])
