"""Generated traffic: uneven in time, rows in requests, float16 serving, a background of moved rows, and incidents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from replay.diagnosis.incidents.rows import RowTable

START_US = 1_795_000_000_000_000
MINUTE = 60_000_000


@dataclass(frozen=True)
class Plant:
    """An incident: from minute to minute, on a share of the rows (or requests) of a slice."""

    first: float
    last: float
    share: float
    segments: dict[str, str]
    size: float = 1.0
    by_group: bool = False
    ramp: bool = False
    fade: float = 0.0  # minutes before its end in which the share falls to nothing


def sigmoid(logits):
    return 1.0 / (1.0 + np.exp(-logits))


def make_traffic(seed, *, num_rows=60_000, minutes=120, drift=0.03, half=True, plants=(), by_group=True, noise=0.0):
    """Returns the table and, per plant, the positions of its affected rows."""
    rng = np.random.default_rng(seed)
    # Requests of 1 to 20 rows; a peak with three times the usual rate and a dip with a tenth.
    grid = np.linspace(0, minutes, 2000)
    rate = 1 + 2 * np.exp(-(((grid - minutes * 0.3) / (minutes * 0.05)) ** 2))
    rate -= 0.9 * np.exp(-(((grid - minutes * 0.75) / (minutes * 0.08)) ** 2))
    cumulative = np.cumsum(rate) / rate.sum()
    sizes = rng.integers(1, 21, size=num_rows // 10)
    at = np.sort(np.interp(rng.random(len(sizes)), cumulative, grid))
    group = np.repeat(np.arange(len(sizes)), sizes)
    minute = np.repeat(at, sizes)
    count = len(group)
    time_us = START_US + (minute * MINUTE).astype(np.int64)
    per_group = {
        "surface": (("home", "search", "feed"), [0.5, 0.3, 0.2]),
        "country": (("DE", "US", "FR", "JP", "BR"), [0.3, 0.3, 0.2, 0.15, 0.05]),
    }
    segments = {}
    for name, (values, shares) in per_group.items():
        codes = rng.choice(len(values), p=shares, size=len(sizes))[group].astype(np.int32)
        segments[name] = (codes, values)
    logit = np.repeat(rng.normal(0, 0.8, len(sizes)), sizes) + rng.normal(-2.5, 1.0, count)
    served = logit.copy()
    moved = (
        (rng.random(len(sizes)) < drift * 2)[group] & (rng.random(count) < 0.5)
        if by_group
        else (rng.random(count) < drift)
    )
    served[moved] += rng.normal(0, 0.05, moved.sum())
    affected = []
    for plant in plants:
        here = (minute >= plant.first) & (minute < plant.last)
        for name, value in plant.segments.items():
            codes, values = segments[name]
            here &= codes == values.index(value)
        chance = plant.share * ((minute - plant.first) / (plant.last - plant.first) if plant.ramp else 1.0)
        if plant.fade:
            chance = chance * np.clip((plant.last - minute) / plant.fade, 0.0, 1.0)
        drawn = rng.random(len(sizes))[group] if plant.by_group else rng.random(count)
        here &= drawn < chance
        served[here] += plant.size * (0.3 + rng.gamma(2.0, 0.5, here.sum()))
        affected.append(np.flatnonzero(here))
    if half:
        online = sigmoid(served + rng.normal(0, 5e-4, count)).astype(np.float16).astype(np.float64)
    else:
        online = sigmoid(served).astype(np.float32).astype(np.float64)
    replayed = sigmoid(logit).astype(np.float32).astype(np.float64)
    label = (rng.random(count) < replayed).astype(np.float64)
    return RowTable(time_us, online, replayed, segments, label=label, group=group), affected


def overlap(found, table, rows):
    """Intersection over union, in time, of a found incident and the affected rows."""
    start, end = int(table.time_us[rows[0]]), int(table.time_us[rows[-1]]) + 1
    both = max(0, min(end, found.end_us) - max(start, found.start_us))
    return both / (max(end, found.end_us) - min(start, found.start_us))
