"""Older values of the same entity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.bench.diagnosis.causes.cause import Cause, Scene, cause, pick
from tests.bench.diagnosis.world import MINUTE_US, Served

_LAGS_MINUTES = (2, 5, 10, 15, 20, 30, 45, 60)


@cause("stale_features")
def stale_features(scene: Scene, rng: np.random.Generator) -> Cause:
    """Features of one pipeline, some minutes old."""
    return older(scene, pick(rng, scene.layout.aging), pick(rng, _LAGS_MINUTES))


def older(scene: Scene, touched: tuple[str, ...], minutes: int) -> Cause:
    """Features that are so old: the newest value of the entity that is; missing where there is none."""
    lag_us = minutes * MINUTE_US
    source = newest_before(scene.traffic.entity, scene.traffic.time_us, lag_us)
    known = source >= 0

    def change(served: Served) -> Served:
        changed = scene.missing(touched)
        for name in touched:
            changed[name][known] = served[name][source[known]]
        return changed

    return Cause(scene, {"touched": touched, "lag_s": lag_us / 1e6}, change, kind="stale_features")


def newest_before(entity: NDArray[np.int64], time_us: NDArray[np.int64], lag_us: int) -> NDArray[np.int64]:
    """For each row the newest row of its entity that is at least so old, -1 for none.

    Args:
        entity: ``(num_rows,)``.
        time_us: ``(num_rows,)``, ascending.
        lag_us: Above 0.

    >>> newest_before(np.array([5, 6, 5, 5]), np.array([0, 10, 20, 30]), 10).tolist()
    [-1, -1, 0, 2]
    """
    found = np.full(len(entity), -1, np.int64)
    order = np.argsort(entity, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(entity[order]) != 0])
    for mine in np.split(order, starts[1:]):
        place = np.searchsorted(time_us[mine], time_us[mine] - lag_us, side="right") - 1
        found[mine] = np.where(place >= 0, mine[place], -1)
    return found
