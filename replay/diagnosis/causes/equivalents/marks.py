"""What marks the rows on which two hypotheses differ: values of a feature, or a segment, in words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_LEAST_BITS: Final = 7.0  # below it, what marks the rows may be chance: 1 in 128 over all that was looked at
_LEAST_PRECISION: Final = 0.9
_MOST_VALUES: Final = 50  # of a column whose values are looked at one by one
_MOST_NAMED: Final = 3


@dataclass(frozen=True, eq=False)
class Mark:
    """Something that holds of some rows.

    Attributes:
        words: What follows on "rows", such as ``with age < 0``.
        holds: ``(n,)`` of which.
        choices: How many marks like it there were to choose from.
    """

    words: str
    holds: Mask
    choices: int = 1


def find_mark(marks: Iterable[Mark], differ: Mask) -> Mark | None:
    """The mark that says best which rows differ, in the fewest bits; the first of those that say it equally well.

    To list ``d`` of ``n`` rows takes ``log2 C(n, d)`` bits. With a mark that holds of ``m`` rows, ``k`` of them such,
    it takes the choice of the mark (which of them, and which of those like it), and its exceptions:
    ``log2 C(m, k) + log2 C(n - m, d - k)``.

    Args:
        marks: To choose from.
        differ: ``(n,)`` which rows differ.

    Returns:
        None where no mark saves 7 bits, or of the rows that it holds of more than a tenth do not differ.
    """
    several = list(marks)
    best, most = None, _LEAST_BITS
    for mark in several:
        rows, hits = int(mark.holds.sum()), int((mark.holds & differ).sum())
        saved = float(_bits_saved(len(differ), int(differ.sum()), rows, hits))
        saved -= math.log2(len(several)) + math.log2(mark.choices)
        if hits >= _LEAST_PRECISION * rows and saved > most + 1e-9:
            best, most = mark, saved
    return best


def column_marks(name: str, column: pa.Array, differ: Mask) -> Iterator[Mark]:
    """What may mark rows by one column: null, below or above a number, one of some values or none of them.

    Of numbers the best place to cut is looked for; of values those of which nearly all rows, or hardly any, differ.

    Args:
        name: Of the column.
        column: ``(n,)``; nothing is said of one of lists or structs.
        differ: ``(n,)`` which rows differ.
    """
    if pa.types.is_nested(column.type) or pa.types.is_null(column.type):
        return
    null = column.is_null(nan_is_null=True).to_numpy(zero_copy_only=False)
    if null.any() and not null.all():
        yield Mark(f"with {name} null", null, 2)
        yield Mark(f"with {name} not null", ~null, 2)
    is_number = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    if is_number:
        yield from _cuts(name, column, null, differ)
    if not pa.types.is_temporal(column.type):
        yield from _values(name, column, null, differ)


def _cuts(name: str, column: pa.Array, null: Mask, differ: Mask) -> Iterator[Mark]:
    """Below and from the number on that separates the rows that differ best from the others."""
    numbers = column.cast(pa.float64(), safe=False).fill_null(np.nan).to_numpy(zero_copy_only=False)
    order = np.argsort(numbers[~null], kind="stable")
    ordered, hits = numbers[~null][order], np.cumsum(differ[~null][order])
    ends = np.flatnonzero(np.diff(ordered) > 0)  # the last place below each cut
    if not len(ends):
        return
    saved = _bits_saved(len(ordered), int(hits[-1]), ends + 1, hits[ends])
    place = int(ends[int(np.argmax(saved))])
    cut = round_between(float(ordered[place]), float(ordered[place + 1]), pa.types.is_integer(column.type))
    yield Mark(f"with {name} < {cut:.7g}", ~null & (numbers < cut), len(ends))
    yield Mark(f"with {name} ≥ {cut:.7g}", ~null & (numbers >= cut), len(ends))


def round_between(low: float, high: float, is_whole: bool = False) -> float:
    """The roundest number above the first and up to the second.

    >>> round_between(-3.0, 1.0), round_between(0.18, 0.24), round_between(5, 6, is_whole=True)
    (0.0, 0.2, 6.0)
    """
    if low < 0.0 <= high:
        return 0.0
    middle = high if is_whole else low + (high - low) / 2
    rounder = (float(f"{middle:.{digits}g}") for digits in range(1, 17))
    return next((one for one in rounder if low < one <= high), high)


def _values(name: str, column: pa.Array, null: Mask, differ: Mask) -> Iterator[Mark]:
    """One of some values; other than some values."""
    encoded = column.dictionary_encode()
    distinct = len(encoded.dictionary)
    if not 2 <= distinct <= _MOST_VALUES:
        return
    codes = encoded.indices.fill_null(distinct).to_numpy(zero_copy_only=False)
    rows = np.bincount(codes, minlength=distinct + 1)[:distinct]
    share = np.bincount(codes, differ, minlength=distinct + 1)[:distinct] / np.maximum(rows, 1)
    for is_other, chosen in ((False, share >= _LEAST_PRECISION), (True, share <= 1.0 - _LEAST_PRECISION)):
        named = np.flatnonzero(chosen)
        if 1 <= len(named) <= _MOST_NAMED and len(named) < distinct:
            inside = np.isin(codes, named)
            shown = either([_shown(value) for value in sorted(encoded.dictionary.take(pa.array(named)).to_pylist())])
            words = f"with {name} {'other than ' if is_other else ''}{shown}"
            yield Mark(words, ~inside & ~null if is_other else inside, distinct ** len(named))


def _shown(value: Any) -> str:
    return f"{value:.7g}" if isinstance(value, float) else str(value)


def either(names: Sequence[str]) -> str:
    """Several names as alternatives.

    >>> either(["a"]), either(["a", "b", "c"])
    ('a', 'a, b or c')
    """
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last


def distinct_values(column: pa.Array) -> int | None:
    """How many values a column has, null among them; None where they cannot be compared."""
    return None if pa.types.is_nested(column.type) else len(pc.unique(column))


def _bits_saved(rows: int, differ: int, inside: Any, hits: Any) -> Floats:
    """Bits that a mark saves of those that list the rows that differ; for one mark, or an array of them."""
    factorial = np.concatenate(([0.0], np.cumsum(np.log2(np.arange(1, rows + 1)))))

    def choose(of: Any, taken: Any) -> Any:
        return factorial[of] - factorial[taken] - factorial[of - taken]

    found: Floats = np.asarray(choose(rows, differ) - choose(inside, hits) - choose(rows - inside, differ - hits))
    return found
