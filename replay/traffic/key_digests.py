"""Whether every row has a key of its own, decided on 64-bit digests of keys: without Spark, and without the keys.

Equal keys have equal digests. So where no digest is there twice, no key is; where one is, the keys themselves have to
be compared (:func:`replay.traffic.check_traffic`): two keys of N share one with a probability of about N**2 / 2**65.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from replay.metrics.keyed import sort_keys
from replay.traffic.keys import KeyFingerprint

Digests = npt.NDArray[np.uint64]

RANGE_ROWS = 8_000_000
"""Digests that are looked at together, at most about."""


def fingerprint_digests(digests: Digests) -> KeyFingerprint:
    """Fingerprint the keys behind digests, (n,), in any order."""
    return KeyFingerprint(
        rows=len(digests),
        sum=int(np.sum(digests, dtype=np.uint64)),
        xor=int(np.bitwise_xor.reduce(digests, initial=np.uint64(0))),
    )


def merge_fingerprints(parts: Iterable[KeyFingerprint]) -> KeyFingerprint:
    """Fingerprint all rows of several sets of rows.

    >>> part = KeyFingerprint(1, 2**64 - 1, 5)
    >>> merge_fingerprints([part, part])
    KeyFingerprint(rows=2, sum=18446744073709551614, xor=0)
    """
    rows = total = xor = 0
    for part in parts:
        rows, total, xor = rows + part.rows, (total + part.sum) % 2**64, xor ^ part.xor
    return KeyFingerprint(rows, total, xor)


def write_digests(path: Path, digests: Digests) -> None:
    """Write sorted digests, (n,); a reader takes a range of them without reading the others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, digests, allow_pickle=False)


def digest_ranges(rows: int) -> list[tuple[int, int]]:
    """Cut all digests into ranges [lower, upper) that hold about :data:`RANGE_ROWS` of ``rows`` each.

    >>> digest_ranges(10)
    [(0, 18446744073709551616)]
    """
    parts = max(1, -(-rows // RANGE_ROWS))
    bounds = [place * 2**64 // parts for place in range(parts + 1)]
    return list(pairwise(bounds))


def has_repeats(paths: Sequence[str], lower: int, upper: int) -> bool:
    """Whether a digest in [lower, upper) is there twice.

    Args:
        paths: Files of :func:`write_digests`.
        lower: From 0.
        upper: To 2**64.
    """
    parts = [_range_of(np.load(path, mmap_mode="r", allow_pickle=False), lower, upper) for path in paths]
    together = sort_keys(np.concatenate([np.empty(0, np.uint64), *parts]))
    return bool((together[1:] == together[:-1]).any())


def _range_of(digests: Digests, lower: int, upper: int) -> Digests:
    start = int(np.searchsorted(digests, np.uint64(lower)))
    stop = len(digests) if upper == 2**64 else int(np.searchsorted(digests, np.uint64(upper)))
    return digests[start:stop]
