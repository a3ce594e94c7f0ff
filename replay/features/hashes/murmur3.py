"""``murmur3``: MurmurHash3_x86_32 (Austin Appleby), 32 bits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from replay.config.sections.model.hash import HASHES
from replay.features.codecs.byte_strings import ByteStrings
from replay.features.hash_function import Hashes, HashFunction

Words = npt.NDArray[np.uint32]


class Murmur3(HashFunction):
    """MurmurHash3_x86_32, as mmh3, Guava and scikit-learn have it; Spark's `hash` differs: `spark_hash`.

    The index of scikit-learn's `FeatureHasher` is `modulo: abs`, with `template: "{name}={value}"` for a dict of text.
    """

    bits = 32
    default_seed = 0

    def hash(self, values: pa.Array, seed: int) -> Hashes:
        """See :meth:`replay.features.hash_function.HashFunction.hash`."""
        strings = ByteStrings(values)
        hashes = hash_blocks(strings, seed)
        rest = strings.lengths % 4
        ends = strings.starts + strings.lengths - rest
        last = strings.words_at(ends, np.uint32) & ((np.uint32(1) << (8 * rest).astype(np.uint32)) - np.uint32(1))
        return finish(hashes ^ scramble(last), strings.lengths.astype(np.uint32))


def hash_blocks(strings: ByteStrings, seed: int) -> Words:
    """The state after all whole blocks of four bytes, (num_values,)."""
    hashes = np.full(len(strings.lengths), seed, np.uint32)
    blocks = strings.lengths // 4
    for block in range(int(blocks.max(initial=0))):
        rows = np.flatnonzero(blocks > block)
        hashes[rows] = mix(hashes[rows], strings.words_at(strings.starts[rows] + 4 * block, np.uint32))
    return hashes


def mix(hashes: Words, words: Words) -> Words:
    """The state after a block."""
    mixed: Words = rotate_left(hashes ^ scramble(words), 13) * np.uint32(5) + np.uint32(0xE6546B64)
    return mixed


def scramble(words: Words) -> Words:
    """A block before it meets the state; of 0 it is 0."""
    scrambled: Words = rotate_left(words * np.uint32(0xCC9E2D51), 15) * np.uint32(0x1B873593)
    return scrambled


def finish(hashes: Words, lengths: Words) -> Words:
    """Hashes of states, whose bits it spreads."""
    mixed = hashes ^ lengths
    mixed ^= mixed >> np.uint32(16)
    mixed *= np.uint32(0x85EBCA6B)
    mixed ^= mixed >> np.uint32(13)
    mixed *= np.uint32(0xC2B2AE35)
    mixed ^= mixed >> np.uint32(16)
    return mixed


def rotate_left(words: Words, count: int) -> Words:
    """The words with their bits moved up, those that fall out coming in below."""
    return (words << np.uint32(count)) | (words >> np.uint32(32 - count))


HASHES.register("murmur3", Murmur3(), rank=40)
