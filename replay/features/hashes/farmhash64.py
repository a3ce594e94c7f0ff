"""``farmhash64``: Fingerprint64 of FarmHash, 64 bits (https://github.com/google/farmhash).

Strings of a class of lengths are hashed together; each class has a formula of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replay.config.sections.model.hash import HASHES
from replay.features.codecs.byte_strings import ByteStrings, Positions
from replay.features.hash_function import Hashes, HashFunction

Words = npt.NDArray[np.uint64]

_K0, _K1, _K2 = np.uint64(0xC3A5C85C97CB3127), np.uint64(0xB492B66FBE98F273), np.uint64(0x9AE16A3B2F90404F)
_SEED = np.uint64(81)


class Farmhash64(HashFunction):
    """FarmHash's Fingerprint64, as TensorFlow's `tf.strings.to_hash_bucket_fast` has it.

    So does BigQuery's `FARM_FINGERPRINT`; its `MOD(ABS(...), n)` is `modulo: abs`.
    """

    bits = 64

    def hash(self, values: pa.Array, seed: int) -> Hashes:
        """See :meth:`replay.features.hash_function.HashFunction.hash`."""
        strings = ByteStrings(values)
        hashes = np.full(len(strings.lengths), _K2, np.uint64)  # that of the empty string
        for low, high, formula in _FORMULAS:
            rows = np.flatnonzero((strings.lengths >= low) & (strings.lengths <= high))
            if len(rows):
                hashes[rows] = formula(_Group(strings, strings.starts[rows], strings.lengths[rows]))
        return hashes


@dataclass(frozen=True)
class _Group:
    """Strings that are hashed by one formula."""

    strings: ByteStrings
    starts: Positions
    lengths: Positions

    def word(self, offset: int | Positions) -> Words:
        """The 64 bits at an offset from the start."""
        return self.strings.words_at(self.starts + offset, np.uint64).astype(np.uint64, copy=False)

    def last(self, offset: int) -> Words:
        """The 64 bits at an offset from the end."""
        return self.word(self.lengths - offset)

    @property
    def sizes(self) -> Words:
        return self.lengths.astype(np.uint64)


def _rotate(words: Words, count: int) -> Words:
    return (words >> np.uint64(count)) | (words << np.uint64(64 - count))


def _shift_mix(words: Words) -> Words:
    return words ^ (words >> np.uint64(47))


def _mix16(u: Words, v: Words, mul: Words) -> Words:
    """Two words to one."""
    return _shift_mix((v ^ _shift_mix((u ^ v) * mul)) * mul) * mul


def _hash_1_to_3(group: _Group) -> Words:
    first, middle, last = (
        group.strings.bytes_at(group.starts + offset).astype(np.uint64)
        for offset in (0, group.lengths // 2, group.lengths - 1)
    )
    y = first + (middle << np.uint64(8))
    z = group.sizes + (last << np.uint64(2))
    return _shift_mix(y * _K2 ^ z * _K0) * _K2


def _hash_4_to_7(group: _Group) -> Words:
    mul = _K2 + group.sizes * np.uint64(2)
    first, last = (
        group.strings.words_at(group.starts + offset, np.uint32).astype(np.uint64) for offset in (0, group.lengths - 4)
    )
    return _mix16(group.sizes + (first << np.uint64(3)), last, mul)


def _hash_8_to_16(group: _Group) -> Words:
    mul = _K2 + group.sizes * np.uint64(2)
    a, b = group.word(0) + _K2, group.last(8)
    return _mix16(_rotate(b, 37) * mul + a, (_rotate(a, 25) + b) * mul, mul)


def _hash_17_to_32(group: _Group) -> Words:
    mul = _K2 + group.sizes * np.uint64(2)
    a, b = group.word(0) * _K1, group.word(8)
    c, d = group.last(8) * mul, group.last(16) * _K2
    return _mix16(_rotate(a + b, 43) + _rotate(c, 30) + d, a + _rotate(b + _K2, 18) + c, mul)


def _hash_33_to_64(group: _Group) -> Words:
    mul = _K2 + group.sizes * np.uint64(2)
    a, b = group.word(0) * _K2, group.word(8)
    c, d = group.last(8) * mul, group.last(16) * _K2
    y = _rotate(a + b, 43) + _rotate(c, 30) + d
    z = _mix16(y, a + _rotate(b + _K2, 18) + c, mul)
    e, f = group.word(16) * mul, group.word(24)
    g, h = (y + group.last(32)) * mul, (z + group.last(24)) * mul
    return _mix16(_rotate(e + f, 43) + _rotate(g, 30) + h, e + _rotate(f + a, 18) + g, mul)


@dataclass
class _State:
    """56 bytes that a long string goes through in pieces of 64."""

    x: Words
    y: Words
    z: Words
    v: tuple[Words, Words]
    w: tuple[Words, Words]

    def take(self, group: _Group, offset: int | Positions, mul: Words | np.uint64, times: int) -> None:
        """Mix in the 64 bytes at an offset; the last piece has another multiplier, and counts some parts 9 times."""
        factor = np.uint64(times)
        self.x = _rotate(self.x + self.y + self.v[0] + group.word(offset + 8), 37) * mul
        self.y = _rotate(self.y + self.v[1] + group.word(offset + 48), 42) * mul
        self.x = self.x ^ (self.w[1] * factor)
        self.y = self.y + self.v[0] * factor + group.word(offset + 40)
        self.z = _rotate(self.z + self.w[0], 33) * mul
        self.v = _weak(group, offset, self.v[1] * mul, self.x + self.w[0])
        self.w = _weak(group, offset + 32, self.z + self.w[1], self.y + group.word(offset + 16))
        self.x, self.z = self.z, self.x

    def some(self, rows: npt.NDArray[np.int64]) -> _State:
        return _State(
            self.x[rows], self.y[rows], self.z[rows],
            (self.v[0][rows], self.v[1][rows]), (self.w[0][rows], self.w[1][rows]),
        )  # fmt: skip

    def put(self, rows: npt.NDArray[np.int64], part: _State) -> None:
        mine = (self.x, self.y, self.z, *self.v, *self.w)
        for whole, taken in zip(mine, (part.x, part.y, part.z, *part.v, *part.w), strict=True):
            whole[rows] = taken


def _weak(group: _Group, offset: int | Positions, a: Words, b: Words) -> tuple[Words, Words]:
    """32 bytes and two seeds to two words."""
    first, second, third, fourth = (group.word(offset + 8 * place) for place in range(4))
    a = a + first
    b = _rotate(b + a + fourth, 21)
    c = a
    a = a + second + third
    b = b + _rotate(a, 44)
    return a + fourth, b + c


def _hash_65_and_more(group: _Group) -> Words:
    zeros = np.zeros(len(group.starts), np.uint64)
    with np.errstate(over="ignore"):
        y = _SEED * _K1 + np.uint64(113)
        z = _shift_mix(np.array([y * _K2 + np.uint64(113)]))[0] * _K2
        state = _State(
            _SEED * _K2 + group.word(0),
            zeros + y,
            zeros + z,
            (zeros.copy(), zeros.copy()),
            (zeros.copy(), zeros.copy()),
        )
    pieces = (group.lengths - 1) // 64
    for piece in range(int(pieces.max())):
        rows = np.flatnonzero(pieces > piece)
        part = state.some(rows)
        part.take(_Group(group.strings, group.starts[rows], group.lengths[rows]), 64 * piece, _K1, 1)
        state.put(rows, part)
    return _finish(group, state)


def _finish(group: _Group, state: _State) -> Words:
    """The last 64 bytes, some of which were in a piece before, and one word of the state."""
    mul = _K1 + ((state.z & np.uint64(0xFF)) << np.uint64(1))
    w0 = state.w[0] + ((group.lengths - 1) & 63).astype(np.uint64)
    v0 = state.v[0] + w0
    state.v, state.w = (v0, state.v[1]), (w0 + v0, state.w[1])
    state.take(group, group.lengths - 64, mul, 9)
    # Here the two are not exchanged: take() did so.
    x, z = state.z, state.x
    return _mix16(
        _mix16(state.v[0], state.w[0], mul) + _shift_mix(state.y) * _K0 + x,
        _mix16(state.v[1], state.w[1], mul) + z,
        mul,
    )


_FORMULAS = (
    (1, 3, _hash_1_to_3),
    (4, 7, _hash_4_to_7),
    (8, 16, _hash_8_to_16),
    (17, 32, _hash_17_to_32),
    (33, 64, _hash_33_to_64),
    (65, 2**62, _hash_65_and_more),
)

HASHES.register("farmhash64", Farmhash64(), rank=70)
