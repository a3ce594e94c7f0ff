from __future__ import annotations

import pyarrow as pa
import pytest

from replay.config.sections.model.hash import HASHES, Hash
from replay.features.codecs.hashing import make_hash
from replay.features.hash_function import HashFunction


@pytest.mark.parametrize("name", list(HASHES))
def test_every_function_hashes_text_and_numbers_and_nothing(name: str) -> None:
    function = HASHES[name]
    assert isinstance(function, HashFunction)
    lookup = make_hash(Hash(function=name, buckets=97))
    for values in (pa.array(["x", "", "é"]), pa.array([7, -1, 2**40]), pa.array([], pa.string())):
        found = lookup(values)
        assert len(found) == len(values)
        assert all(0 <= bucket < 97 for bucket in found.tolist())
    same = lookup(pa.array([7])).tolist() == lookup(pa.array(["7"])).tolist()
    assert same != function.by_type
