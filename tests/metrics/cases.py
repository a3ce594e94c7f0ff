"""Named inputs of quality metrics: (score, label, weight)."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

_RNG = np.random.default_rng(7)
_P = _RNG.beta(1, 6, 600)
_Y = (_RNG.random(600) < _P).astype(float)

CASES = {
    "plain": (_P, _Y, None),
    "float32": (_P.astype(np.float32), _Y, None),
    "ties": (np.round(_P, 1).clip(0.05, 0.95), _Y, None),
    "weights": (_P, _Y, _RNG.exponential(size=600)),
    "tied weights": (np.round(_P, 1).clip(0.05, 0.95), _Y, _RNG.exponential(size=600)),
    "some weights zero": (_P, _Y, (_RNG.random(600) < 0.7).astype(float)),
    "tiny scores": ((_P * 1e-6).astype(np.float32), _Y, None),
    "constant": (np.full(600, 0.25), _Y, None),
}


def shards(*columns: np.ndarray | None, parts: int = 4) -> list[tuple[np.ndarray | None, ...]]:
    """Cut columns into uneven parts; None stays None."""
    rows = len(columns[0])
    cuts = np.linspace(0, 1, parts + 1) ** 2 * rows
    return [
        tuple(None if column is None else column[int(start) : int(end)] for column in columns)
        for start, end in pairwise(cuts)
    ]
