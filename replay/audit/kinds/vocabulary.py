"""Other names for the same things: ``vocabulary``."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import numpy as np

from replay.audit.kinds.differing_rows import DifferingRows, Match
from replay.features.codecs.buffers import plain

_LEAST_NAMES = 3
"""Names that are another one there: of two, any difference exchanges the one for the other, unless both are new."""
_LEAST_REPEATS = 10
"""Rows whose name comes again, without which any two columns look like a mapping."""
_AGREEING = 0.95


def vocabulary(rows: DifferingRows) -> Match | None:
    """Each name here has one name there, which is not always the same."""
    if not rows.categorical:
        return None
    here, there = plain(rows.here).to_pylist(), plain(rows.there).to_pylist()
    if any(isinstance(value, list | dict) for value in (*here, *there)):
        return None
    names: dict[Any, Counter[Any]] = defaultdict(Counter)
    for one, other in zip(here, there, strict=True):
        names[one][other] += 1
    names.pop(None, None)
    repeated = {one: counts for one, counts in names.items() if counts.total() > 1}
    mapped = {one: counts.most_common(1)[0][0] for one, counts in names.items()}
    total = sum(counts.total() for counts in repeated.values())
    agreeing = sum(counts[mapped[one]] for one, counts in repeated.items())
    targets = {mapped[one] for one in repeated}
    least = _LEAST_NAMES - 1 if targets.isdisjoint(names) else _LEAST_NAMES
    if len(repeated) < least or len(targets) < least:
        return None
    if total < _LEAST_REPEATS or agreeing < _AGREEING * total:
        return None
    found = [
        one is not None and other is not None and mapped[one] == other for one, other in zip(here, there, strict=True)
    ]
    return Match(np.array(found, dtype=np.bool_))
