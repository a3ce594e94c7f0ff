"""The same numbers otherwise: ``type``, ``cast``, ``unit`` and ``shifted``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from replay.audit.compare import Floats, Mask, as_floats, is_number, is_plain_text, near, nulls
from replay.audit.kinds.differing_rows import DifferingRows, Match, NumberPairs, number_pairs, paired_elements
from replay.features.codecs.buffers import plain

_DISTINCT = 3
"""Fewer different numbers fit many a formula."""
_FIT = 1e-5
"""How near a number must come to one that a factor or a term gives, of the larger one."""
_TOLD = 0.01
"""How near at most, of what the formula changes: noise of that size is no factor and no term."""


def type_(rows: DifferingRows) -> Match | None:
    """The same value as text on one side and as a number on the other; of lists, all their elements."""
    elements = paired_elements(rows)
    if elements is None:
        found = _same_number(plain(rows.here), plain(rows.there))
        return None if found is None else Match(found)
    found = _same_number(elements.here, elements.there)
    return None if found is None else Match(elements.rows_where(found))


def _same_number(here: pa.Array, there: pa.Array) -> Mask | None:
    if is_number(here.type) and is_plain_text(there.type):
        return _reads_as(there, here)
    if is_plain_text(here.type) and is_number(there.type):
        return _reads_as(here, there)
    return None


def _reads_as(texts: pa.Array, numbers: pa.Array) -> Mask:
    read = np.array([_number(text) for text in texts.to_pylist()], dtype=np.float64)
    given = as_floats(numbers)
    return near(read, given) & ~np.isnan(read) & ~nulls(numbers)


def _number(text: str | None) -> float:
    try:
        return float({"true": "1", "false": "0"}.get(text.strip().lower(), text)) if text is not None else np.nan
    except ValueError:
        return np.nan


def cast(rows: DifferingRows) -> Match | None:
    """What a narrower type leaves of the values: float16, bfloat16 or an integer. What is too large is infinite."""
    pairs = None if rows.categorical else number_pairs(rows)
    if pairs is None or np.unique(pairs.there[np.isfinite(pairs.there)]).size < _DISTINCT:
        return None
    best = None
    for name, narrowed in _CASTS.items():
        with np.errstate(all="ignore"):
            found = _match(pairs, near(narrowed(pairs.here), pairs.there), {"dtype": name})
        if best is None or found.rows.sum() > best.rows.sum():
            best = found
    return best


def _match(pairs: NumberPairs, holds: Mask, details: dict[str, Any]) -> Match:
    """Rows of which a formula holds; none where it is one common number that it holds of."""
    return Match(pairs.rows_where(holds & pairs.hold_of_many(holds)), details)


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
    usable = (pairs.here != 0) & (pairs.there != 0) & np.isfinite(pairs.there)
    if np.unique(np.abs(pairs.here[usable])).size < _DISTINCT:
        return None
    factor = float(np.median(pairs.there[usable] / pairs.here[usable]))
    fits = near(pairs.there, factor * pairs.here, min(_FIT, _TOLD * abs(factor - 1)))
    return _match(pairs, fits & np.isfinite(pairs.there), {"factor": factor})


def shifted(rows: DifferingRows) -> Match | None:
    """A constant term between them."""
    pairs = None if rows.categorical else number_pairs(rows)
    if pairs is None or pairs.distinct < _DISTINCT:
        return None
    finite = np.isfinite(pairs.there)
    if not finite.any():
        return None
    term = float(np.median((pairs.there - pairs.here)[finite]))
    scale = np.maximum(np.abs(pairs.here), np.abs(pairs.there))
    # Beside a term much larger than they are, numbers are all alike: then it would as well be a constant.
    least = _TOLD * min(abs(term), pairs.spread)
    with np.errstate(all="ignore"):
        fits = np.abs(pairs.there - pairs.here - term) <= np.minimum(_FIT * scale, least)
    return _match(pairs, fits & finite, {"term": term})
