"""XXH64 of whole arrays, against the xxhash library."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import xxhash

from replay.xxh64 import hash_bytes, hash_words

RNG = np.random.default_rng(0)
# Every length around the steps of 4, 8 and 32 bytes, and some far beyond.
TEXTS = [RNG.bytes(length) for length in (*range(140), 1000, 4096)]


def expected(parts: list[bytes], seeds: list[int]) -> list[int]:
    return [xxhash.xxh64_intdigest(part, seed) for part, seed in zip(parts, seeds, strict=True)]


@pytest.mark.parametrize("dtype", [pa.binary(), pa.large_binary()])
def test_byte_strings_of_any_length_each_with_a_seed(dtype: pa.DataType) -> None:
    seeds = RNG.integers(0, 2**64, len(TEXTS), dtype=np.uint64)
    values = pa.array(TEXTS, dtype)
    assert hash_bytes(values, seeds).tolist() == expected(TEXTS, seeds.tolist())
    assert hash_bytes(values, 42).tolist() == expected(TEXTS, [42] * len(TEXTS))
    # A slice begins in the middle of the buffers.
    assert hash_bytes(values[3:50], seeds[3:50]).tolist() == expected(TEXTS[3:50], seeds[3:50].tolist())


def test_more_strings_than_are_hashed_at_once() -> None:
    texts = [b"request-%d" % number for number in range(70_000)]
    assert hash_bytes(pa.array(texts), 7).tolist() == expected(texts, [7] * len(texts))


def test_many_strings_of_every_length() -> None:
    texts = [RNG.bytes(length) for length in range(140) for _ in range(300)]
    assert hash_bytes(pa.array(texts), 2**64 - 1).tolist() == expected(texts, [2**64 - 1] * len(texts))


@pytest.mark.parametrize("lengths", [(0, 140), (10, 14), (30, 34), (100, 400)])
def test_many_strings_of_mixed_lengths(lengths: tuple[int, int]) -> None:
    texts = [RNG.bytes(int(length)) for length in RNG.integers(*lengths, 20_000)]
    seeds = RNG.integers(0, 2**64, len(texts), dtype=np.uint64)
    assert hash_bytes(pa.array(texts, pa.large_binary()), seeds).tolist() == expected(texts, seeds.tolist())
    assert hash_bytes(pa.array(texts).slice(7, 9000), 3).tolist() == expected(texts[7:9007], [3] * 9000)


def test_nothing_to_hash() -> None:
    assert hash_bytes(pa.array([], pa.binary()), 0).tolist() == []
    assert hash_bytes(pa.array(["", ""]).cast(pa.binary()), 0).tolist() == [xxhash.xxh64_intdigest(b"")] * 2
    assert hash_words(np.array([], np.int64), 0).tolist() == []
    nulls = hash_bytes(pa.array([None, b"a", None], pa.binary()), 0)
    assert nulls[1] == xxhash.xxh64_intdigest(b"a")


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint32, np.uint64])
def test_numbers_are_hashed_as_their_bytes(dtype: type[np.integer]) -> None:
    info = np.iinfo(dtype)
    numbers = RNG.integers(info.min, info.max, 70_000, dtype=dtype, endpoint=True)
    numbers[:3] = info.min, info.max, 0
    seeds = RNG.integers(0, 2**64, len(numbers), dtype=np.uint64)
    parts = [number.tobytes() for number in numbers]
    assert hash_words(numbers, seeds).tolist() == expected(parts, seeds.tolist())
    assert hash_words(numbers[:9], 42).tolist() == expected(parts[:9], [42] * 9)
