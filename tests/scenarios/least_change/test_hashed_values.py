from __future__ import annotations

import numpy as np
import pyarrow as pa

from replay.scenarios.least_change.hashed_values import HashedValues

TEXTS = pa.array(["a", "b", "c", "d"])
HASHES = np.array([0b0001, 0b0011, 0b0100, 0b1000], np.uint64)


def test_a_cell_stands_for_the_value_of_its_least_hash():
    held = HashedValues(TEXTS.type)
    held.add(HASHES[::-1], TEXTS.take([3, 2, 1, 0]), 0)
    assert held.of(HASHES, 0).to_pylist() == ["a", "b", "c", "d"]

    held.add(HASHES[:0], TEXTS[:0], 2)

    assert held.of(np.array([0b0010, 0b0111, 0b1011], np.uint64), 2).to_pylist() == ["a", "c", "d"]


def test_the_order_of_values_does_not_matter():
    for order in ([0, 1, 2, 3], [3, 1, 0, 2], [1, 3, 2, 0]):
        held = HashedValues(TEXTS.type)
        for place in order:
            held.add(HASHES[[place]], TEXTS.take([place]), 1)

        assert held.of(HASHES, 1).to_pylist() == ["a", "b", "c", "d"]


def test_parts_are_brought_together():
    one, other = HashedValues(TEXTS.type), HashedValues(TEXTS.type)
    one.add(HASHES[1:3], TEXTS[1:3], 0)
    other.add(HASHES[[0, 3]], TEXTS.take([0, 3]), 0)

    one.merge(other, 2)

    assert one.of(HASHES, 2).to_pylist() == ["a", "a", "c", "d"]
