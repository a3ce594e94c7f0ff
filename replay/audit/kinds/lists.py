"""The same elements otherwise: ``order`` and ``cut``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from replay.audit.kinds.differing_rows import DifferingRows, Match
from replay.features.codecs.buffers import plain, plain_type
from replay.features.codecs.numeric import is_list


def order(rows: DifferingRows) -> Match | None:
    """The same elements in another order."""
    pairs = _list_pairs(rows)
    if pairs is None:
        return None
    found = [one is not None and other is not None and _sorted(one) == _sorted(other) for one, other in pairs]
    return Match(np.array(found, dtype=np.bool_))


def cut(rows: DifferingRows) -> Match | None:
    """A part of the list: its first elements, or its last; lists that are empty there show no cut."""
    pairs = _list_pairs(rows)
    if pairs is None:
        return None
    found = [bool(one) and bool(other) and _is_end(one or [], other or []) for one, other in pairs]
    lengths = [len(other or ()) for (_, other), holds in zip(pairs, found, strict=True) if holds]
    return Match(np.array(found, dtype=np.bool_), {"longest": max(lengths, default=0)})


def _is_end(whole: list[Any], part: list[Any]) -> bool:
    return len(part) < len(whole) and part in (whole[: len(part)], whole[-len(part) :])


def _sorted(values: list[Any]) -> list[Any]:
    return sorted(values, key=lambda value: (value is not None, value) if value is not None else (False, 0))


def _list_pairs(rows: DifferingRows) -> list[tuple[list[Any] | None, list[Any] | None]] | None:
    """The lists of each row; None where a side has none."""
    here, there = plain(rows.here).to_pylist(), plain(rows.there).to_pylist()
    lists = [isinstance(value, list) or value is None for value in (*here, *there)]
    if not all(lists) or not any(isinstance(value, list) for value in here):
        return None
    if any(pa.types.is_float32(_element_type(side.type)) for side in (rows.here, rows.there)):
        here, there = _as_float32(here), _as_float32(there)
    return list(zip(here, there, strict=True))


def _element_type(kind: pa.DataType) -> pa.DataType:
    kind = plain_type(kind)
    return kind.value_type if is_list(kind) else kind


def _as_float32(lists: list[list[Any] | None]) -> list[list[Any] | None]:
    """Lists whose floats are rounded: a float that the other table holds as a double is the same number."""
    with np.errstate(over="ignore"):
        return [
            each and [float(np.float32(value)) if isinstance(value, float) else value for value in each]
            for each in lists
        ]
