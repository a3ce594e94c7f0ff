from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from replay.metrics.cluster import CLUSTERS, cluster_codes, hash_groups

TEXTS = ["", "a", "b", "request-00000001", "request-00000002", "x" * 7, "x" * 8, "x" * 9, "é", None, "a\x00", "x" * 300]


def test_a_text_hashes_alike_in_any_batch_and_type():
    whole = hash_groups(pa.array(TEXTS))
    assert np.array_equal(whole[3:8], hash_groups(pa.array(TEXTS).slice(3, 5)))
    for other in (pa.large_string(), pa.dictionary(pa.int32(), pa.string())):
        assert np.array_equal(whole, hash_groups(pa.array(TEXTS).cast(other)))
    assert len(set(whole.tolist())) == len(TEXTS), "all differ, also in length and trailing zero bytes"


def test_integers_hash_alike_in_any_width():
    values = [0, 1, -1, 127, None]
    expected = hash_groups(pa.array(values, pa.int64()))
    for width in (pa.int8(), pa.int16(), pa.int32()):
        assert np.array_equal(expected, hash_groups(pa.array(values, width)))
    assert len(set(expected.tolist())) == 5


@pytest.mark.parametrize(
    "type_", [pa.float64(), pa.bool_(), pa.decimal128(20, 0), pa.binary(), pa.timestamp("us", tz="UTC")]
)
def test_other_types_hash_too(type_):
    values = {pa.bool_(): [True, False], pa.binary(): [b"a", b"\xff\xfe"]}.get(type_, [1, 2])
    assert len(set(hash_groups(pa.array([*values, None], type_)).tolist())) == 3


def test_clusters_are_even():
    counts = np.bincount(cluster_codes(np.arange(1_000_000)), minlength=CLUSTERS)
    expected = 1_000_000 / CLUSTERS
    # Chi-square with 1023 degrees of freedom: 1200 is its 99.99% quantile.
    assert ((counts - expected) ** 2 / expected).sum() < 1200


def test_empty_and_all_null():
    assert hash_groups(pa.array([], pa.string())).size == 0
    assert len(set(hash_groups(pa.nulls(3, pa.string())).tolist())) == 1
