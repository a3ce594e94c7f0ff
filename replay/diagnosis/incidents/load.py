"""How much traffic there was during an incident, against all other minutes: whether it came with a peak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.incidents.rows import RowTable

_MINUTE: Final = 60_000_000
_FEWEST: Final = 10
"""Other minutes below which there is nothing to compare with."""
_SHORTEST: Final = 30
"""Seconds of traffic in an incident's minutes below which a rate is chance."""

_Times = NDArray[np.int64]


@dataclass(frozen=True)
class MeasuredLoad:
    """Requests, or rows, a second.

    Attributes:
        inside: In the minutes that the incident touches.
        outside: In all other whole minutes that have traffic.
        rank: Place of the former among the latter, 1 being the busiest.
        minutes: How many of the latter there are.
    """

    inside: float
    outside: float
    rank: int
    minutes: int


def arrivals(rows: RowTable) -> _Times:
    """When requests came, each with its first row, ``(num_requests,)`` ascending; without groups, when rows did."""
    if rows.group is None:
        return rows.time_us
    return np.sort(rows.time_us[np.unique(rows.group, return_index=True)[1]])


def measure_load(times_us: _Times, spans: Sequence[tuple[int, int]]) -> MeasuredLoad | None:
    """Compare the minutes of an incident with all others, whoever is affected: a peak is one of all traffic.

    Args:
        times_us: ``(n,)`` from :func:`arrivals`.
        spans: Half-open times of the incident, in microseconds.

    Returns:
        None where there is too little to compare: few other minutes, or next to none inside.
    """
    if not len(times_us):
        return None
    minutes, counts = np.unique(times_us // _MINUTE, return_counts=True)
    starts = np.maximum(minutes * _MINUTE, times_us[0])
    seconds = (np.minimum((minutes + 1) * _MINUTE, times_us[-1] + 1) - starts) / 1e6
    inside = np.zeros(len(minutes), bool)
    for start, end in spans:
        inside |= (minutes >= start // _MINUTE) & (minutes <= (end - 1) // _MINUTE)
    whole = ~inside & (seconds == 60.0)
    if whole.sum() < _FEWEST or seconds[inside].sum() < _SHORTEST:
        return None
    rate = float(counts[inside].sum() / seconds[inside].sum())
    others = counts[whole] / 60.0
    return MeasuredLoad(rate, float(others.mean()), 1 + int((others > rate).sum()), int(whole.sum()))
