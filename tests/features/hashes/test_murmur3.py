from __future__ import annotations

import pyarrow as pa
import pytest
from sklearn.feature_extraction import FeatureHasher
from sklearn.utils import murmurhash3_32

from replay.config.sections.model.hash import Hash
from replay.features.codecs.hashing import make_hash
from tests.features.hashes.values import TEXTS, hashed


@pytest.mark.parametrize("seed", [0, 42, 2**32 - 1])
def test_as_scikit_learn_does(seed: int) -> None:
    expected = [murmurhash3_32(text, seed=seed, positive=True) for text in TEXTS]
    assert hashed("murmur3", pa.array(TEXTS), seed) == expected


def test_the_index_of_feature_hasher() -> None:
    hasher = FeatureHasher(n_features=1000, input_type="dict")
    matrix = hasher.transform([{"city": text} for text in TEXTS])
    config = Hash(function="murmur3", buckets=1000, modulo="abs", template="{name}={value}")
    assert make_hash(config, "city")(pa.array(TEXTS)).tolist() == matrix.indices.tolist()


def test_no_value_and_a_slice() -> None:
    assert hashed("murmur3", pa.array([], pa.string())) == []
    whole = pa.array(["before", *TEXTS, "after"])
    assert hashed("murmur3", whole.slice(1, len(TEXTS))) == hashed("murmur3", pa.array(TEXTS))
