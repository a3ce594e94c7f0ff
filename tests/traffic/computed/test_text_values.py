"""Texts as numbers, by the grammar in the documentation of ``java.lang.Double.valueOf``."""

from __future__ import annotations

import math
import struct

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.traffic.computed.kernel import NoValue
from replay.traffic.computed.text_values import READERS, read_texts
from tests.traffic.computed.nasty import BAD_NUMBER_TEXTS


def read(text: str, dtype: str = "double", *, attempt: bool = False) -> object:
    targets = {"double": pa.float64(), "int": pa.int32(), "bigint": pa.int64(), "boolean": pa.bool_()}
    return read_texts(pa.array([text, None]), dtype, targets[dtype], attempt=attempt)[0].as_py()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.5", 1.5),
        ("+1.5", 1.5),
        (" 1.5d\n", 1.5),
        ("1e3F", 1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("0x1.8p1", 3.0),
        ("-Infinity", -math.inf),
        ("INF", math.inf),
        ("1e999", math.inf),
    ],
)
def test_what_java_reads(text: str, value: float) -> None:
    assert read(text) == value


@pytest.mark.parametrize("place", range(len(BAD_NUMBER_TEXTS)))
def test_what_is_no_number(place: int) -> None:
    with pytest.raises(NoValue):
        read(BAD_NUMBER_TEXTS[place])
    assert read(BAD_NUMBER_TEXTS[place], attempt=True) is None


@given(st.floats(allow_nan=False), st.sampled_from(["{!r}", "{:.17g}", "{:.25e}", "+{!r}", " {!r} "]))
def test_a_number_comes_back_to_the_bit(value: float, written: str) -> None:
    text = written.format(value)
    assert struct.pack("d", read(text.replace("+-", "-"))) == struct.pack("d", value)


def test_whole_numbers_and_truth() -> None:
    assert [read(text, "int") for text in ("007", " +7", "-2147483648")] == [7, 7, -(2**31)]
    assert [read(text, "boolean") for text in ("T", " yes ", "0", "FALSE", "n")] == [True, True, False, False, False]
    for text in ("2147483648", "1.0", "1e3", ""):
        assert read(text, "int", attempt=True) is None
    assert read("on", "boolean", attempt=True) is None
    assert read(str(2**63 - 1), "bigint") == 2**63 - 1


def test_common_texts_are_read_by_arrow_alone() -> None:
    assert all(reader.common.startswith("^") and reader.common.endswith("$") for reader in READERS.values())
    texts = pa.array(["1.5", None])
    assert read_texts(texts, "double", pa.float64(), attempt=False).to_pylist() == [1.5, None]
    assert read_texts(texts[:0], "double", pa.float64(), attempt=False).to_pylist() == []
