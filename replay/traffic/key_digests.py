"""Whether every row has a key of its own, decided on 64-bit digests of keys: without Spark, and without the keys.

Equal keys have equal digests. So where no digest is there twice, no key is; where one is, the keys themselves have to
be compared (:func:`replay.traffic.check_traffic`): two keys of N share one with a probability of about N**2 / 2**65.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replay.files.places import local_path
from replay.files.reading import open_input
from replay.files.writing import open_output
from replay.metrics.keyed import sort_keys
from replay.traffic.keys import KeyFingerprint

Digests = npt.NDArray[np.uint64]

RANGE_ROWS = 8_000_000
"""Digests that are looked at together, at most about."""
_BYTES = 8
_SPREADS = 6
"""Standard deviations, and more: the place of an evenly spread value among n is known to about half of a root of n."""

NO_KEYS = KeyFingerprint(0, 0, 0)


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


def write_digests(path: str, digests: Digests) -> None:
    """Write sorted digests, (n,); a reader takes a range of them without reading the others.

    Raises:
        OSError: The file cannot be written.
    """
    with open_output(path) as file:
        file.write(digests.astype("<u8", copy=False))


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

    Raises:
        OSError: A file cannot be read.
    """
    together = _in_range(paths, lower, upper)
    return bool((together[1:] == together[:-1]).any())


@dataclass(frozen=True)
class DigestIndex:
    """The digests of many rows, sorted, in files that hold a range each: looked up without being read. Picklable.

    Attributes:
        paths: Of the files, in the order of their ranges.
        lower: The lower bound of each range.
        keys: Fingerprint of all rows.
    """

    paths: tuple[str, ...]
    lower: tuple[int, ...]
    keys: KeyFingerprint


def gather_range(paths: Sequence[str], lower: int, upper: int, target: str) -> None:
    """Write one file of a :class:`DigestIndex`.

    Args:
        paths: Files of :func:`write_digests`.
        lower: From 0.
        upper: To 2**64.
        target: The file.
    """
    write_digests(target, _in_range(paths, lower, upper))


class DigestLookup:
    """Tells which digests an index has; of files on a disk, the pages that are looked at are in memory.

    Args:
        index: The index.
    """

    def __init__(self, index: DigestIndex) -> None:
        self._parts = [_mapped(path) for path in index.paths]
        self._lower = np.array(index.lower, np.uint64)

    def holds(self, digests: Digests) -> npt.NDArray[np.bool_]:
        """Which of some digests, (n,), the index has."""
        found = np.zeros(len(digests), dtype=bool)
        places = np.searchsorted(self._lower, digests, side="right") - 1
        for place in np.unique(places):
            own, part = places == place, self._parts[place]
            if len(part):
                wanted = digests[own]
                nearest = np.minimum(np.searchsorted(part, wanted), len(part) - 1)
                found[own] = part[nearest] == wanted
        return found


def _mapped(path: str) -> Digests:
    """All digests of a file: mapped from a disk, else read."""
    local = local_path(path)
    with open_input(path) as file:
        total = file.size() // _BYTES
        if local is None or not total:
            return _read(file, 0, total)
    return np.memmap(local, dtype="<u8", mode="r")


def _in_range(paths: Sequence[str], lower: int, upper: int) -> Digests:
    """The digests of all files in [lower, upper), sorted."""
    parts = [_range_of(path, lower, upper) for path in paths]
    return sort_keys(np.concatenate([np.empty(0, np.uint64), *parts]))


def places_within(digests: Digests, lower: int, upper: int) -> slice:
    """Where sorted digests, (n,), lie in [lower, upper), which may end at 2**64.

    >>> places_within(np.array([1, 5, 9], np.uint64), 5, 9)
    slice(1, 2, None)
    """
    stop = len(digests) if upper == 2**64 else int(np.searchsorted(digests, np.uint64(upper)))
    return slice(int(np.searchsorted(digests, np.uint64(lower))), stop)


def _range_of(path: str, lower: int, upper: int) -> Digests:
    """The digests in [lower, upper) of a file: as digests are spread evenly, it is known about where they are."""
    with open_input(path) as file:
        total = file.size() // _BYTES
        spare = _SPREADS * math.isqrt(total) + _SPREADS
        start, stop = (total * bound // 2**64 for bound in (lower, upper))
        start, stop = max(0, start - spare), min(total, stop + spare)
        found = _read(file, start, stop)
        if not _encloses(found, lower if start else 0, upper if stop < total else 2**64):
            found = _read(file, 0, total)
    return found[places_within(found, lower, upper)]


def _read(file: pa.NativeFile, start: int, stop: int) -> Digests:
    return np.frombuffer(file.read_at((stop - start) * _BYTES, start * _BYTES), dtype="<u8")


def _encloses(found: Digests, lower: int, upper: int) -> bool:
    """Whether a part of a file has digests on either side of a range, where the file goes on there."""
    below = lower == 0 or (len(found) > 0 and int(found[0]) < lower)
    return below and (upper == 2**64 or (len(found) > 0 and int(found[-1]) >= upper))
