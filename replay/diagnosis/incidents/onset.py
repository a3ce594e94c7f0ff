"""Whether an incident begins at once or step by step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BLOCKS = 32
_LEAST_IN_BLOCK = 8
_LATER = 3
_PLATEAU = 0.8
_LOW = 0.6
_SIGMAS = 4.0


def is_gradual(value: NDArray[np.float64]) -> bool:
    """Whether the level of an incident rises over at least a tenth of it, clearly.

    The incident is cut into 32 blocks (fewer for few rows). It is gradual if its first blocks lie under 0.6 of the
    plateau (the median of its later half) by more than 4 standard errors, and it takes more than three blocks to come
    to 0.8 of it.

    Args:
        value: ``(num_rows,)``, 0/1 for mismatches or a signed difference, in time order.

    >>> is_gradual((np.arange(3200) % 100 < np.arange(3200) / 32).astype(float))
    True
    >>> is_gradual((np.arange(3200) % 100 < 50).astype(float))
    False
    """
    blocks = min(_BLOCKS, len(value) // _LEAST_IN_BLOCK)
    if blocks < 2 * _LATER:
        return False
    parts = np.array_split(value, blocks)
    means = np.array([part.mean() for part in parts])
    plateau = float(np.median(means[blocks // 2 :]))
    if plateau == 0.0:
        return False
    means, plateau = means * np.sign(plateau), abs(plateau)
    head = np.concatenate(parts[: max(2, blocks // 16)])
    error = np.sqrt(float(np.var(value)) / len(head))
    level = float(head.mean()) * float(np.sign(np.median([part.mean() for part in parts[blocks // 2 :]])))
    reached = int(np.argmax(means >= _PLATEAU * plateau))
    return bool(level < _LOW * plateau and plateau - level > _SIGMAS * error and reached > _LATER)
