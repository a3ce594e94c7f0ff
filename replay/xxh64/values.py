"""XXH64 of many values at once, each with a seed of its own: numpy over all values of one length.

Source: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md (XXH64).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

Hashes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]

_PRIMES: Final = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)
_P1, _P2, _P3, _P4, _P5 = map(np.uint64, _PRIMES)
# What is added to the seed to begin each of the four lanes with.
_LANES: Final = tuple(np.uint64(start % 2**64) for start in (_PRIMES[0] + _PRIMES[1], _PRIMES[1], 0, -_PRIMES[0]))
_STRIPE: Final = 32
_TOGETHER: Final = 1 << 13
"""Values that are hashed at once: few enough for a processor's cache."""
_LONGEST: Final = 128
"""Bytes of a string that is hashed beside others of its length."""
_FEWEST: Final = 256
"""Strings of one length that are worth hashing at once."""


def hash_words(values: npt.NDArray[np.integer], seeds: Hashes | int) -> Hashes:
    """Hash numbers as their four or eight little-endian bytes.

    Args:
        values: (n,), of 32 or 64 bits.
        seeds: (n,), or one for all.

    >>> import xxhash
    >>> int(hash_words(np.array([7], np.int64), 42)[0]) == xxhash.xxh64_intdigest((7).to_bytes(8, "little"), 42)
    True
    """
    width = values.dtype.itemsize
    words = values.view(f"u{width}").astype(np.uint64, copy=False)
    hashes = np.empty(len(words), np.uint64)
    for start in range(0, len(words), _TOGETHER):
        part = slice(start, start + _TOGETHER)
        begun = np.full(len(words[part]), _P5 + np.uint64(width)) + _of(seeds, part)
        hashes[part] = _finish(_eight(begun, words[part]) if width == 8 else _four(begun, words[part]))
    return hashes


def hash_bytes(values: pa.BinaryArray | pa.LargeBinaryArray, seeds: Hashes | int) -> Hashes:
    """Hash byte strings.

    Args:
        values: (n,) of ``binary`` or ``large_binary``; what the hash of a null is does not matter.
        seeds: (n,), or one for all.

    >>> import xxhash
    >>> int(hash_bytes(pa.array([b"replay"]), 0)[0]) == xxhash.xxh64_intdigest(b"replay")
    True
    """
    starts, lengths, data = _taken_apart(values)
    hashes = np.empty(len(lengths), np.uint64)
    for length, rows in _by_length(lengths):
        if length > _LONGEST or len(rows) < _FEWEST:
            hashes[rows] = _one_by_one(
                data, starts[rows], lengths[rows], seeds if isinstance(seeds, int) else seeds[rows]
            )
            continue
        window = np.dtype((np.void, max(1, length)))  # each is copied as one piece of memory
        every = np.ndarray((len(data) - window.itemsize + 1,), window, data, strides=(1,))
        for first in range(0, len(rows), _TOGETHER):
            part = rows[first : first + _TOGETHER]
            hashes[part] = _side_by_side(every[starts[part]], length, _of(seeds, part))
    return hashes


def _of(seeds: Hashes | int, part: slice | Places) -> Hashes | np.uint64:
    return np.uint64(seeds) if isinstance(seeds, int) else seeds[part]


def _taken_apart(values: pa.BinaryArray | pa.LargeBinaryArray) -> tuple[Places, Places, npt.NDArray[np.uint8]]:
    """Where each byte string starts and how long it is, (n,), and all bytes, with one more behind them."""
    size, offset = len(values), values.offset
    dtype = np.dtype(np.int64 if pa.types.is_large_binary(values.type) else np.int32)
    ends = values.buffers()[1] if size else None
    offsets = np.zeros(1, dtype) if ends is None else np.frombuffer(ends, dtype, size + 1, offset * dtype.itemsize)
    first, last = int(offsets[0]), int(offsets[-1])
    bytes_of = values.buffers()[2]
    logged = np.frombuffer(bytes_of, np.uint8, last - first, first) if last > first else np.zeros(0, np.uint8)
    starts, lengths = offsets[:-1].astype(np.int64) - first, np.diff(offsets).astype(np.int64)
    return starts, lengths, np.append(logged, np.uint8(0))


def _by_length(lengths: Places) -> Iterator[tuple[int, Places]]:
    """The rows of each length, those above ``_LONGEST`` together; of one length no row is looked for in memory."""
    kinds = np.minimum(lengths, _LONGEST + 1).astype(np.uint8)
    counts = np.bincount(kinds)
    order = np.argsort(kinds, kind="stable") if np.count_nonzero(counts) > 1 else np.arange(len(kinds))
    ends = np.cumsum(counts)
    for length in np.flatnonzero(counts).tolist():
        yield length, order[ends[length] - counts[length] : ends[length]]


def _one_by_one(data: npt.NDArray[np.uint8], starts: Places, lengths: Places, seeds: Hashes | int) -> Hashes:
    """Hash byte strings that are long, or of which there are few of their length, by the library."""
    given = repeat(seeds) if isinstance(seeds, int) else seeds.tolist()
    view, digest = data.data, xxhash.xxh64_intdigest
    places = zip(starts.tolist(), lengths.tolist(), given)  # noqa: B905 - a seed for all has no end
    found = (digest(view[start : start + length], seed) for start, length, seed in places)
    return np.fromiter(found, np.uint64, len(starts))


def _side_by_side(texts: npt.NDArray[np.void], length: int, seeds: Hashes | np.uint64) -> Hashes:
    """Hash byte strings of one length, (n,)."""
    hashes = np.empty(len(texts), np.uint64)
    place = length // _STRIPE * _STRIPE
    if place:
        hashes[:] = _stripes(texts, length, seeds)
    else:
        np.add(seeds, _P5, out=hashes)
    hashes += np.uint64(length)
    while length - place >= 8:
        hashes = _eight(hashes, _words(texts, place, "<u8"))
        place += 8
    if length - place >= 4:
        hashes = _four(hashes, _words(texts, place, "<u4"))
        place += 4
    for last in range(place, length):
        hashes = _one(hashes, _words(texts, last, "<u1"))
    return _finish(hashes)


def _words(texts: npt.NDArray[np.void], place: int, kind: str) -> Hashes:
    """The little-endian words at a place of all byte strings, (n,)."""
    return np.ndarray((len(texts),), kind, texts, place, texts.strides).astype(np.uint64)


def _stripes(texts: npt.NDArray[np.void], length: int, seeds: Hashes | np.uint64) -> Hashes:
    """The state after all whole stripes of 32 bytes, (n,)."""
    lanes = [np.zeros(len(texts), np.uint64) for _ in _LANES]
    for lane, start in zip(lanes, _LANES, strict=True):
        lane += seeds
        lane += start
    for stripe in range(0, length // _STRIPE * _STRIPE, _STRIPE):
        lanes = [_round(lane, _words(texts, stripe + 8 * number, "<u8")) for number, lane in enumerate(lanes)]
    merged = sum((_rotated(lane, turn) for lane, turn in zip(lanes, (1, 7, 12, 18), strict=True)), np.uint64(0))
    for lane in lanes:
        merged = (merged ^ _round(np.zeros_like(lane), lane)) * _P1 + _P4
    return np.asarray(merged)


def _round(lane: Hashes, words: Hashes) -> Hashes:
    return _rotated(lane + words * _P2, 31) * _P1


def _eight(hashes: Hashes, words: Hashes) -> Hashes:
    mixed = words * _P2
    mixed = _rotated(mixed, 31)
    mixed *= _P1
    mixed ^= hashes
    mixed = _rotated(mixed, 27)
    mixed *= _P1
    mixed += _P4
    return mixed


def _four(hashes: Hashes, words: Hashes) -> Hashes:
    mixed = _rotated(words * _P1 ^ hashes, 23)
    mixed *= _P2
    mixed += _P3
    return mixed


def _one(hashes: Hashes, words: Hashes) -> Hashes:
    mixed = _rotated(words * _P5 ^ hashes, 11)
    mixed *= _P1
    return mixed


def _rotated(words: Hashes, count: int) -> Hashes:
    """The words with their bits moved up, those that fall out coming in below."""
    turned = words << np.uint64(count)
    turned |= words >> np.uint64(64 - count)
    return turned


def _finish(hashes: Hashes) -> Hashes:
    """Spread every bit over the whole hash."""
    mixed = hashes ^ (hashes >> np.uint64(33))
    mixed *= _P2
    mixed ^= mixed >> np.uint64(29)
    mixed *= _P3
    mixed ^= mixed >> np.uint64(32)
    return mixed
