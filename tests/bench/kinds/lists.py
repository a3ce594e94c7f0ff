"""Ragged lists of ids, padded and cut to one length, with their masks; some are empty, and some are null."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tests.bench.kinds.kind import Array, FeatureKind

LENGTH = 20
ITEMS = 200_000
"""Indices of what is in them."""
NULL_RATE = 0.03
_LONGEST = 30


class Lists(FeatureKind):
    """See :class:`tests.bench.kinds.kind.FeatureKind`."""

    name = "lists"

    def __init__(self, count: int) -> None:
        self.columns = tuple(f"l{place}" for place in range(count))

    def make(self, random: np.random.Generator, rows: int) -> dict[str, pa.Array]:
        return {name: _lists(random, rows) for name in self.columns}

    def inputs(self) -> list[dict[str, object]]:
        found: list[dict[str, object]] = []
        for name in self.columns:
            ids = {"name": name, "dtype": "int64", "feature": name, "length": LENGTH, "pad": 0, "missing": 0}
            found += [ids, {"name": f"{name}_mask", "dtype": "float32", "mask_of": name}]
        return found

    def part(self) -> dict[str, object]:
        return {"part": "pooled", "rows": [ITEMS] * len(self.columns)}

    def encode(self, table: pa.Table) -> list[Array]:
        found = []
        for name in self.columns:
            ids = np.zeros((table.num_rows, LENGTH), np.int64)
            mask = np.empty((table.num_rows, LENGTH), np.float32)
            start = 0
            for chunk in table.column(name).chunks:
                rows = slice(start, start + len(chunk))
                _pad(chunk, ids[rows], mask[rows])
                start += len(chunk)
            found += [ids, mask]
        return found


def _pad(lists: pa.ListArray, ids: Array, mask: Array) -> None:
    """Write lists, by their offsets, into rows of zeros. A null list has no elements in the file."""
    offsets = lists.offsets.to_numpy()
    lengths = np.diff(offsets)
    logged = np.arange(LENGTH, dtype=np.int32) < lengths[:, None]
    values = lists.values.to_numpy()[offsets[0] : offsets[-1]]
    if lengths.size and lengths.max() > LENGTH:
        places = np.arange(len(values), dtype=np.int32) - np.repeat(offsets[:-1] - offsets[0], lengths)
        values = values[places < LENGTH]
    ids[logged] = values
    mask[:] = logged


def _lists(random: np.random.Generator, rows: int) -> pa.Array:
    lengths = random.integers(0, _LONGEST + 1, rows, dtype=np.int32)
    null = random.random(rows) < NULL_RATE
    lengths[null] = 0
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    values = random.integers(1, ITEMS, offsets[-1])
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values), mask=pa.array(null))
