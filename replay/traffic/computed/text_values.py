"""Numbers and truth values read from text as Spark reads them, which is for numbers mostly as Java does."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from replay.traffic.computed.kernel import NoValue

_FLOATING: Final = re.compile(
    r"([+-]?)(?:(NaN)|(Infinity)|((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)[fFdD]?"
    r"|(0[xX](?:[0-9a-fA-F]+\.?|[0-9a-fA-F]*\.[0-9a-fA-F]+)[pP][+-]?[0-9]+)[fFdD]?)"
)
_SPECIAL: Final = {
    **dict.fromkeys(("inf", "+inf", "infinity", "+infinity"), float("inf")),
    **dict.fromkeys(("-inf", "-infinity"), float("-inf")),
    "nan": float("nan"),
}
_INTEGER: Final = re.compile(r"[+-]?[0-9]+")
_TRUE, _FALSE = frozenset({"t", "true", "y", "yes", "1"}), frozenset({"f", "false", "n", "no", "0"})
_JAVA_SPACE: Final = "".join(map(chr, range(33)))
_SPARK_SPACE: Final = _JAVA_SPACE + "\x7f"


@dataclass(frozen=True)
class TextReader:
    """How text becomes a value of a type.

    Attributes:
        common: What Arrow reads to the same bits, as a regular expression; most texts are of this form.
        read: Any other text's value, or None where it has none.
    """

    common: str
    read: Callable[[str], float | int | bool | None]


def _double(text: str) -> float | None:
    """As ``java.lang.Double.parseDouble``, and then Spark's own words for what is not finite."""
    plain = text.strip(_JAVA_SPACE)
    found = _FLOATING.fullmatch(plain)
    if found is None:
        return _SPECIAL.get(plain.lower()) if plain.isascii() else None
    sign, nan, infinity, decimal, hexadecimal = found.groups()
    if nan:
        return float("nan")
    size = float("inf") if infinity else float(decimal) if decimal else _from_hex(hexadecimal)
    return -size if sign == "-" else size


def _from_hex(text: str) -> float:
    try:
        return float.fromhex(text)
    except OverflowError:
        return float("inf")


def _integer(bits: int) -> Callable[[str], int | None]:
    def read(text: str) -> int | None:
        plain = text.strip(_SPARK_SPACE)
        if not _INTEGER.fullmatch(plain):
            return None
        value = int(plain)
        return value if -(2 ** (bits - 1)) <= value < 2 ** (bits - 1) else None

    return read


def _truth(text: str) -> bool | None:
    plain = text.strip(_SPARK_SPACE)
    plain = plain.lower() if plain.isascii() else plain
    return True if plain in _TRUE else False if plain in _FALSE else None


READERS: Final = {
    # Both round to the nearest double; Arrow takes no plus sign, and not every exponent.
    "double": TextReader(r"^-?[0-9]{1,17}(\.[0-9]{0,25})?([eE][+-]?[0-9]{1,2})?$", _double),
    "int": TextReader(r"^-?[0-9]{1,9}$", _integer(32)),
    "bigint": TextReader(r"^-?[0-9]{1,18}$", _integer(64)),
    "boolean": TextReader(r"^(true|false|1|0)$", _truth),
}
"""By Spark's name of the type."""


def read_texts(texts: pa.Array, dtype: str, target: pa.DataType, *, attempt: bool) -> pa.Array:
    """Read texts as values.

    Args:
        texts: (num_rows,) strings.
        dtype: A key of :data:`READERS`.
        target: Arrow's type for it.
        attempt: A text without a value becomes a null.

    Raises:
        NoValue: A text has none, unless this is an attempt.
    """
    reader = READERS[dtype]
    common = pc.match_substring_regex(texts, pattern=reader.common)
    if pc.all(common, min_count=0).as_py():
        return texts.cast(target)
    others = texts.filter(pc.fill_null(pc.invert(common), False))
    values = [reader.read(text) for text in others.to_pylist()]
    if None in values and not attempt:
        bad = others[values.index(None)].as_py()
        raise NoValue(f"{bad!r} is no {dtype}")
    plain = pc.if_else(common, texts, pa.scalar(None, pa.string())).cast(target)
    return pc.replace_with_mask(plain, pc.fill_null(pc.invert(common), False), pa.array(values, target))
