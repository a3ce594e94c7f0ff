"""Columns, and the random bits of their rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from replay.hashing import Keys, bits
from replay.scenarios.least_change import ColumnSummary, Kind, summary_of


def randoms(count: int, salt: int = 0) -> Keys:
    return bits(np.arange(count, dtype=np.uint64), salt)


def summarized(values: pa.Array, kind: Kind, **options: int) -> ColumnSummary:
    summary = summary_of(kind, values.type, **options)
    summary.update(values)
    return summary


def matched(here: pa.Array, there: pa.Array, kind: Kind, **options: int) -> pa.Array:
    """What becomes of the values here, each row with bits of its own."""
    change = summarized(here, kind, **options).change_to(summarized(there, kind, **options))
    return change.apply(here, randoms(len(here)))
