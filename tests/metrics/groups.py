"""Groups of rows with two scores and labels."""

from __future__ import annotations

import numpy as np

from replay.metrics.order import Groups


def case(seed=0, groups=150, largest=25, distinct=6):
    """Groups of 1 to `largest` rows, with many ties where there are few distinct scores."""
    rng = np.random.default_rng(seed)
    found = Groups.of_sizes(rng.integers(1, largest + 1, groups))
    rows = found.of_row.size
    left = rng.integers(0, distinct, rows) / distinct
    right = np.where(rng.random(rows) < 0.5, left, rng.integers(0, distinct, rows) / distinct)
    return found, left, right, (rng.random(rows) < 0.3).astype(float)


def parts(groups, *columns):
    for start, end in zip(groups.offsets[:-1], groups.offsets[1:], strict=True):
        yield tuple(column[start:end] for column in columns)
