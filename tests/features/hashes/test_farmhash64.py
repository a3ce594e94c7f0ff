from __future__ import annotations

import pyarrow as pa

from replay.config.sections.model.hash import Hash
from replay.features.codecs.hashing import make_hash
from tests.features.hashes.values import TEXTS, hashed

_BITS = 2**64 - 1


def test_published_values_of_guava() -> None:
    values = pa.array(["test", "test" * 8, "test" * 64])
    assert hashed("farmhash64", values, signed=True) == [
        8581389452482819506,
        -4196240717365766262,
        3500507768004279527,
    ]


def test_the_examples_of_tensorflow() -> None:
    assert make_hash(Hash(function="farmhash64", buckets=3))(pa.array(["Hello", "TensorFlow", "2.x"])).tolist() == [
        0,
        2,
        2,
    ]
    assert make_hash(Hash(function="farmhash64", buckets=10))(pa.array(["a", "b", "c", "d"])).tolist() == [9, 2, 2, 5]


def test_every_length_as_the_reference_implementation() -> None:
    """A walk over 3,200 strings of up to 3,200 bytes that ends at a published value only if each hash is right."""
    text, size, state = bytearray(3200), 0, 0
    for step in range(800):
        for power in range(1, 5):
            length = {1: step, 4: size}[power] if power in (1, 4) else step**power % size
            (value,) = hashed("farmhash64", pa.array([bytes(text[:length])], pa.large_binary()))
            state ^= value
            state = (state ^ (state >> 41)) * 949921979 & _BITS
            text[size] = ord("a") + (state & 0xFFFFF) % 26
            size += 1
        last, second, third, middle = text[size - 1], text[size - 2], text[size - 3], text[size // 2]
        text[((last << 16) + (second << 8) + third) % size] ^= middle
        text[((second << 16) + (third << 8) + middle) % size] ^= step % 256
    assert state == 0x7A1D67C50EC7E167


def test_many_at_once_are_as_one_by_one() -> None:
    texts = [*TEXTS, *(text * 3 for text in TEXTS)]
    alone = [value for text in texts for value in hashed("farmhash64", pa.array([text]))]
    assert hashed("farmhash64", pa.array(texts)) == alone
