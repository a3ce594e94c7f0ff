"""Rows that belong together, hashed into a fixed number of clusters.

Rows of one ranking request are not independent, so an interval must be built from sums by request. A request may be
split over shards, and there may be millions, so each is hashed into one of ``CLUSTERS`` random groups, whose sums
merge. With ``U_g`` the sum of a statistic's influence over random group g, ``G/(G-1) * sum(U_g**2)`` estimates its
variance with G - 1 degrees of freedom (random groups: Wolter 2007, chapter 2; cluster-robust: Cameron and Miller 2015).
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

CLUSTERS = 1024
"""Random groups of an estimate over all rows."""

Array = NDArray[np.float64]
Hashes = NDArray[np.uint64]

_NULL_HASH = np.uint64(0x9E3779B97F4A7C15)
_MAX_HASHED_BYTES = 256


def mix(values: NDArray[Any]) -> Hashes:
    """Scramble 64-bit integers (the finaliser of SplitMix64: Steele, Lea and Flood 2014).

    >>> hex(int(mix(np.array([1], dtype=np.int64))[0]))
    '0x910a2dec89025cc1'
    """
    state = values.astype(np.uint64, copy=True)
    state += np.uint64(0x9E3779B97F4A7C15)
    state ^= state >> np.uint64(30)
    state *= np.uint64(0xBF58476D1CE4E5B9)
    state ^= state >> np.uint64(27)
    state *= np.uint64(0x94D049BB133111EB)
    state ^= state >> np.uint64(31)
    return state


def cluster_codes(group: NDArray[Any]) -> NDArray[np.int64]:
    """Hash integer group ids into ``[0, CLUSTERS)``."""
    return cast("NDArray[np.int64]", (mix(group) & np.uint64(CLUSTERS - 1)).astype(np.int64))


def added_to(sums: Array | None, added: NDArray[Any]) -> Array:
    """A new array: the sums so far, if there are any, and what is added."""
    return added.astype(np.float64) if sums is None else sums + added


def cluster_variance(influence: Array) -> tuple[float, float]:
    """Variance of a statistic from its influence summed by cluster.

    Args:
        influence: ``(num_clusters,)`` of the clusters that have rows.

    Returns:
        ``G / (G - 1) * sum(U**2)`` and the degrees of freedom, G - 1; NaN and 1 with fewer than two clusters.
    """
    clusters = influence.size
    if clusters < 2:
        return float("nan"), 1.0
    with np.errstate(all="ignore"):
        centred = influence - influence.mean()
        return float(clusters / (clusters - 1) * np.dot(centred, centred)), clusters - 1.0


def hash_groups(group: pa.Array) -> Hashes:
    """Hash a group column: the same value gives the same 64 bits in every process and batch.

    Integers are mixed as they are; anything else is hashed as its text, of which the first 256 bytes count. Nulls share
    one hash.

    Args:
        group: ``(num_rows,)``, of any type that casts to a string.

    Returns:
        ``(num_rows,)``, uint64.
    """
    if pa.types.is_integer(group.type):
        filled = group.fill_null(0) if group.null_count else group
        hashes = mix(filled.to_numpy(zero_copy_only=False))
    else:
        encoded = group if pa.types.is_dictionary(group.type) else group.dictionary_encode()
        codes = encoded.indices.fill_null(0).to_numpy(zero_copy_only=False)
        by_value = _hash_texts(encoded.dictionary)
        hashes = by_value[codes] if by_value.size else np.zeros(len(group), dtype=np.uint64)
    if group.null_count:
        hashes[group.is_null().to_numpy(zero_copy_only=False)] = _NULL_HASH
    return hashes


def _hash_texts(values: pa.Array) -> Hashes:
    """Hash the texts of an array, eight bytes of all of them at a time."""
    texts = pc.cast(values, pa.large_binary() if pa.types.is_binary(values.type) else pa.large_string())
    if texts.null_count:
        texts = texts.fill_null("")
    _, offset_buffer, data_buffer = texts.buffers()
    offsets = np.frombuffer(offset_buffer, dtype=np.int64)[texts.offset : texts.offset + len(texts) + 1]
    data = np.frombuffer(data_buffer or b"", dtype=np.uint8)
    lengths = np.minimum(offsets[1:] - offsets[:-1], _MAX_HASHED_BYTES)
    starts = offsets[:-1]
    hashes = mix(offsets[1:] - offsets[:-1])
    padded = np.concatenate((data, np.zeros(8, dtype=np.uint8)))
    for place in range(0, int(lengths.max(initial=0)), 8):
        alive = np.flatnonzero(lengths > place)
        words = _words(padded, starts[alive] + place, lengths[alive] - place)
        hashes[alive] = mix(hashes[alive] ^ words)
    return hashes


def _words(data: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> Hashes:
    """Eight little-endian bytes from each start, with what lies beyond the text's end set to zero."""
    octets = data[starts[:, None] + np.arange(8)]  # (num_texts, 8)
    octets[np.arange(8) >= lengths[:, None]] = 0
    return cast("Hashes", octets.view("<u8").reshape(-1).astype(np.uint64))
