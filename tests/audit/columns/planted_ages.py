"""Events and the times of their values, planted by hand: microseconds since 1970."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

HOUR = 3_600_000_000
START = 20_000 * 24 * HOUR
Times = NDArray[np.int64]


def events(rows: int = 20_000, days: int = 7, seed: int = 0) -> Times:
    """Spread evenly over some days."""
    return START + (np.random.default_rng(seed).random(rows) * days * 24 * HOUR).astype(np.int64)


def landed(
    moments: Times, hour: float, *, cut: float = 0.0, jitter: float = 0.0, missing: tuple[int, ...] = ()
) -> Times:
    """Values that land every day at an hour, but for missing days, and are ``cut`` hours old by then."""
    days = int((moments.max() - START) // (24 * HOUR)) + 1
    numbers = np.array([day for day in range(-5, days + 1) if day not in missing])
    late = np.random.default_rng(1).normal(0, jitter, numbers.size)
    landings = START + ((numbers * 24 + hour + late) * HOUR).astype(np.int64)
    return landings[np.searchsorted(landings, moments, side="right") - 1] - int(cut * HOUR)
