"""XXH64 of many values at once, each with a seed of its own: numpy over whole arrays, no Python per value.

Source: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md (XXH64).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Hashes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]

_PRIMES: Final = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)
_P1, _P2, _P3, _P4, _P5 = map(np.uint64, _PRIMES)
# What is added to the seed to begin each of the four lanes with.
_LANES: Final = tuple(np.uint64(start % 2**64) for start in (_PRIMES[0] + _PRIMES[1], _PRIMES[1], 0, -_PRIMES[0]))
_STRIPE: Final = 32
_TOGETHER: Final = 1 << 15
"""Values that are hashed at once: few enough for a processor's cache."""


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
    strings = _Strings(values)
    hashes = np.empty(len(strings.lengths), np.uint64)
    for start in range(0, len(hashes), _TOGETHER):
        part = slice(start, start + _TOGETHER)
        hashes[part] = _hash_strings(strings, strings.starts[part], strings.lengths[part], _of(seeds, part))
    return hashes


def _of(seeds: Hashes | int, part: slice) -> Hashes | np.uint64:
    return np.uint64(seeds) if isinstance(seeds, int) else seeds[part]


class _Strings:
    """An array of byte strings taken apart: where each starts, and how long it is, (n,)."""

    def __init__(self, values: pa.BinaryArray | pa.LargeBinaryArray) -> None:
        size, offset = len(values), values.offset
        wide = pa.types.is_large_binary(values.type)
        dtype = np.dtype(np.int64 if wide else np.int32)
        ends = values.buffers()[1] if size else None
        offsets = np.zeros(1, dtype) if ends is None else np.frombuffer(ends, dtype, size + 1, offset * dtype.itemsize)
        first, last = int(offsets[0]), int(offsets[-1])
        data = values.buffers()[2]
        logged = np.frombuffer(data, np.uint8, last - first, first) if last > first else np.zeros(0, np.uint8)
        # A word is read whole; what of it lies behind the last string does not count.
        padded = np.concatenate((logged, np.zeros(8, np.uint8)))
        self.starts: Places = offsets[:-1].astype(np.int64) - first
        self.lengths: Places = np.diff(offsets).astype(np.int64)
        self._words = np.ndarray((len(padded) - 7,), "<u8", padded, strides=(1,))

    def words(self, places: Places) -> Hashes:
        """The eight bytes that begin at some places, as little-endian numbers."""
        return self._words[places].astype(np.uint64, copy=False)


def _hash_strings(strings: _Strings, starts: Places, lengths: Places, seeds: Hashes | np.uint64) -> Hashes:
    hashes = np.empty(len(lengths), np.uint64)
    np.add(seeds, _P5, out=hashes)
    long = np.flatnonzero(lengths >= _STRIPE)
    if len(long):
        own = seeds[long] if isinstance(seeds, np.ndarray) else np.full(len(long), seeds)
        hashes[long] = _stripes(strings, starts[long], lengths[long] // _STRIPE, own)
    hashes += lengths.view(np.uint64)
    rest = lengths % _STRIPE
    ends = starts + lengths
    for number in range(3):
        rows = _rows(rest >= 8 * (number + 1))
        hashes[rows] = _eight(hashes[rows], strings.words((ends - rest)[rows] + 8 * number))
    rest %= 8
    rows = _rows(rest >= 4)
    hashes[rows] = _four(hashes[rows], strings.words((ends - rest)[rows]) & np.uint64(0xFFFFFFFF))
    rest %= 4
    for number in range(3):
        rows = _rows(rest > number)
        hashes[rows] = _one(hashes[rows], strings.words((ends - rest)[rows] + number) & np.uint64(0xFF))
    return _finish(hashes)


def _rows(chosen: npt.NDArray[np.bool_]) -> Places | slice:
    """The rows that are chosen; without a copy where all or none are."""
    count = np.count_nonzero(chosen)
    if count in (0, len(chosen)):
        return slice(0, count)
    return np.flatnonzero(chosen)


def _stripes(strings: _Strings, starts: Places, stripes: Places, seeds: Hashes) -> Hashes:
    """The state after all whole stripes of 32 bytes, (n,); each string has one at least."""
    lanes = [seeds + start for start in _LANES]
    for stripe in range(int(stripes.max())):
        rows = _rows(stripes > stripe)
        places = starts[rows] + stripe * _STRIPE
        for number, lane in enumerate(lanes):
            lane[rows] = _round(lane[rows], strings.words(places + 8 * number))
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
