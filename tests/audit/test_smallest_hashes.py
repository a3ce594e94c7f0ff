"""The rows with the smallest hashes, against a sort of all."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from replay.audit.smallest_hashes import SmallestHashes


def _rows(hashes):
    return lambda places: pa.record_batch({"hash": pa.array(hashes[places])})


def test_it_is_what_a_sort_of_all_rows_gives_whatever_the_parts():
    hashes = np.random.default_rng(0).integers(0, 2**63, 5000).astype(np.uint64)
    parts = []
    for part in np.array_split(hashes, 7):
        some = SmallestHashes(50)
        for batch in np.array_split(part, 3):
            some.add(batch, _rows(batch))
        parts.append(some)
    for order in (parts, parts[::-1]):
        whole = SmallestHashes(50)
        for part in order:
            whole.merge(part)

        assert whole.rows().column("hash").to_pylist() == sorted(hashes.tolist())[:50]
        assert whole.hashes.tolist() == sorted(hashes.tolist())[:50]


def test_no_row_is_none():
    empty = SmallestHashes(3)
    empty.add(np.zeros(0, dtype=np.uint64), _rows(np.zeros(0, dtype=np.uint64)))
    empty.merge(SmallestHashes(3))

    assert empty.rows() is None
