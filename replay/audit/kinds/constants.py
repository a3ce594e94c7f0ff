"""Nothing there, or the same value everywhere: ``null`` and ``default``."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa

from replay.audit.compare import as_floats, is_number, nulls
from replay.audit.kinds.differing_rows import DifferingRows, Match
from replay.features.codecs.buffers import plain

_PLAIN_DEFAULTS = (0.0, -1.0)
_LEAST_VALUES = 2
"""Different values here, of which the other table has made one."""


def null(rows: DifferingRows) -> Match | None:
    """The other table has a null; with the status that most of these have, where there are statuses."""
    found = nulls(plain(rows.there)) & ~nulls(plain(rows.here))
    if rows.statuses is None or not found.any():
        return Match(found)
    given = plain(rows.statuses).filter(pa.array(found)).drop_null().to_pylist()
    if not given:
        return Match(found)
    status = max(sorted(set(given), key=str), key=given.count)
    return Match(found, {"status": status})


def default(rows: DifferingRows) -> Match | None:
    """The other table has one value, whatever is here.

    A number that lies on one side of all that it replaces may as well be the limit of a clip: then nothing is said, but
    of 0, of -1, and of a number that lies beyond those of the rows that are equal, too.
    """
    there = [_hashable(value) for value in plain(rows.there).to_pylist()]
    known = [value for value in there if value is not None]
    if not known:
        return None
    value = max(sorted(set(known), key=repr), key=known.count)
    found = np.array([each == value for each in there], dtype=np.bool_)
    replaced = plain(rows.here).filter(pa.array(found))
    if len({_hashable(each) for each in replaced.to_pylist()}) < _LEAST_VALUES or _is_limit(
        replaced, value, rows.equal
    ):
        return None
    return Match(found, {"value": value})


def _hashable(value: Any) -> Any:
    """A value that can be counted: lists by what they hold; NaN is one value."""
    if isinstance(value, list):
        return tuple(_hashable(each) for each in value)
    if isinstance(value, dict):
        return repr(value)
    return "NaN" if isinstance(value, float) and value != value else value


def _is_limit(replaced: pa.Array, value: Any, equal: tuple[float, float] | None) -> bool:
    if not is_number(replaced.type) or not isinstance(value, int | float) or float(value) in _PLAIN_DEFAULTS:
        return False
    if math.isinf(value):  # too large for a type, as likely
        return True
    numbers, (least, largest) = as_floats(replaced.drop_null()), equal or (-math.inf, math.inf)
    above, below = (numbers > float(value)).all(), (numbers < float(value)).all()
    # What is clipped at the value leaves numbers on its other side as they are.
    return bool(numbers.size and ((above and value >= least) or (below and value <= largest)))
