"""A feature of real traffic's shape, and other tables made of it by hand."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from replay.audit.kinds.differing_rows import DifferingRows


def amounts(rows: int = 400, seed: int = 0) -> np.ndarray:
    """Skewed positive numbers with two decimals, some of them 0."""
    rng = np.random.default_rng(seed)
    return np.round(rng.lognormal(4, 1, rows) * (rng.random(rows) < 0.9), 2)


def names(rows: int = 400, seed: int = 0) -> np.ndarray:
    """Names, the first ones commonest."""
    rng = np.random.default_rng(seed)
    return np.array([f"n{number}" for number in np.minimum(rng.geometric(0.2, rows), 15)])


def differing(here, there, **more) -> DifferingRows:
    """Rows, as arrays of whatever Arrow makes of both sides."""
    return DifferingRows(pa.array(here), pa.array(there), **more)
