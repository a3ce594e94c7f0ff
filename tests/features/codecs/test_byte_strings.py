from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from replay.features.codecs.byte_strings import ByteStrings, as_bytes


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array(["é", ""]), [b"\xc3\xa9", b""]),
        (pa.array([b"\xff"], pa.binary_view()), [b"\xff"]),
        (pa.array([b"ab"], pa.binary(2)), [b"ab"]),
        (pa.array([-12, 2**63 - 1]), [b"-12", b"9223372036854775807"]),
        (pa.array([2**64 - 1], pa.uint64()), [b"18446744073709551615"]),
        (pa.array([Decimal(10**20), Decimal(-3)], pa.decimal128(38, 0)), [b"100000000000000000000", b"-3"]),
    ],
    ids=str,
)
def test_as_bytes(values: pa.Array, expected: list[bytes]) -> None:
    assert as_bytes(values).to_pylist() == expected


def test_words_at_any_place_of_a_slice() -> None:
    strings = ByteStrings(as_bytes(pa.array(["before", "abcde", "", "xyz"]).slice(1)))
    assert strings.lengths.tolist() == [5, 0, 3]
    assert strings.words_at(strings.starts + 1, np.uint32)[0] == int.from_bytes(b"bcde", "little")
    assert strings.words_at(strings.starts[:1], np.uint64)[0] == int.from_bytes(b"abcdexyz", "little")
    assert bytes(strings.bytes_at(strings.starts[2:] + 2)) == b"z"
    assert ByteStrings(as_bytes(pa.array([], pa.string()))).lengths.tolist() == []
