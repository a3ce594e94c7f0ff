"""The same numbers otherwise: ``type``, ``cast``, ``unit`` and ``shifted``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from replay.audit.compare import Floats, as_floats, is_number, is_plain_text, near, nulls
from replay.audit.kinds.differing_rows import DifferingRows, Match, number_pairs
from replay.features.codecs.buffers import plain

_DISTINCT = 3
"""Fewer different numbers fit many a formula."""
_FIT = 1e-5
"""How near a number must come to one that a factor or a term of two fitted digits gives."""


def type_(rows: DifferingRows) -> Match | None:
    """The same value as text on one side and as a number on the other."""
    here, there = plain(rows.here), plain(rows.there)
    if is_number(here.type) and is_plain_text(there.type):
        return Match(_reads_as(there, here))
    if is_plain_text(here.type) and is_number(there.type):
        return Match(_reads_as(here, there))
    return None


def _reads_as(texts: pa.Array, numbers: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    read = np.array([_number(text) for text in texts.to_pylist()], dtype=np.float64)
    given = as_floats(numbers)
    return near(read, given) & ~np.isnan(read) & ~nulls(numbers)


def _number(text: str | None) -> float:
    try:
        return float({"true": "1", "false": "0"}.get(text.strip().lower(), text)) if text is not None else np.nan
    except ValueError:
        return np.nan


def cast(rows: DifferingRows) -> Match | None:
    """What a narrower type leaves of the values: float16, bfloat16 or an integer."""
    pairs = None if rows.categorical else number_pairs(rows)
    if pairs is None or pairs.distinct < _DISTINCT:
        return None
    best = None
    for name, narrowed in _CASTS.items():
        with np.errstate(all="ignore"):
            found = pairs.rows_where(near(narrowed(pairs.here), pairs.there))
        if best is None or found.sum() > best.rows.sum():
            best = Match(found, {"dtype": name})
    return best


def _bfloat16(values: Floats) -> Floats:
    """Round to the 8 bits of a bfloat16's mantissa, ties to even."""
    pattern = values.astype(np.float32).view(np.uint32).astype(np.uint64)
    rounded = (pattern + 0x7FFF + ((pattern >> np.uint64(16)) & np.uint64(1))) & np.uint64(0xFFFF0000)
    return rounded.astype(np.uint32).view(np.float32).astype(np.float64)


_CASTS: dict[str, Callable[[Floats], Floats]] = {
    "bfloat16": _bfloat16,
    "float16": lambda values: values.astype(np.float16).astype(np.float64),
    "integer": np.trunc,
    "rounded integer": np.rint,
}


def unit(rows: DifferingRows) -> Match | None:
    """A constant factor between them."""
    pairs = None if rows.categorical else number_pairs(rows)
    if pairs is None:
        return None
    usable = (pairs.here != 0) & (pairs.there != 0)
    if np.unique(np.abs(pairs.here[usable])).size < _DISTINCT:
        return None
    factor = float(np.median(pairs.there[usable] / pairs.here[usable]))
    return Match(pairs.rows_where(near(pairs.there, factor * pairs.here, _FIT)), {"factor": factor})


def shifted(rows: DifferingRows) -> Match | None:
    """A constant term between them."""
    pairs = None if rows.categorical else number_pairs(rows)
    if pairs is None or pairs.distinct < _DISTINCT:
        return None
    term = float(np.median(pairs.there - pairs.here))
    scale = np.maximum(np.abs(pairs.here), np.abs(pairs.there))
    fits = np.abs(pairs.there - pairs.here - term) <= np.minimum(_FIT * scale, abs(term) / 100)
    return Match(pairs.rows_where(fits), {"term": term})
