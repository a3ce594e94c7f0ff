"""Whom a standing cause hits: one host or some, a shard of the users, or anyone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.causes.significance import binomial_tail
from replay.diagnosis.incidents.rows import RowTable

Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]

_HELD = 0.97  # of the rows that it explains lie in its slice: others agree by chance
_NARROW = 0.6  # of the rows; a slice that holds more of them says little
_HIT = 0.25  # of the rate of the value hit most, with which a value is hit too
_CHANCE = math.log(1e-6)
_LEAST_OTHERS = 50
_SAME_ENTITIES = 5.0


@dataclass(frozen=True)
class Whereabouts:
    """The slice of a standing cause.

    Attributes:
        segments: Values that are hit, by column; empty for all traffic.
        rate: Share of the slice's rows that it explains.
        entities: Entities with such rows in the sample, where it is the same ones each time; else None.
        all_entities: Of how many.
    """

    segments: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rate: float = 0.0
    entities: int | None = None
    all_entities: int | None = None


@dataclass(frozen=True, eq=False)
class _Values:
    """Values of one column, and how likely it is that only these hold as many of the rows."""

    column: str
    codes: Indices
    log_chance: float


def find_whereabouts(
    rows: RowTable, background: Mask, mismatched: Mask, explained: Indices, each: float
) -> Whereabouts:
    """Find whom a standing cause hits.

    Values of a column are its slice where practically all rows that it explains have one of them, and where that is not
    by chance, had it hit any row alike: by a binomial tail over all sets of so many values and over all columns.

    Args:
        rows: The baseline's rows.
        background: ``(num_rows,)``, rows outside of every incident.
        mismatched: ``(num_rows,)``, those of them that disagree.
        explained: ``(k,)`` rows of a sample that the cause explains.
        each: Rows for which each of them stands.
    """
    inside, left = background.copy(), explained
    segments: dict[str, tuple[str, ...]] = {}
    while len(left):
        found = [_values(rows, name, inside, left) for name in rows.segments if name not in segments]
        best = min((one for one in found if one is not None), key=lambda one: one.log_chance, default=None)
        if best is None:
            break
        codes, values = rows.segments[best.column]
        segments[best.column] = tuple(values[code] for code in best.codes)
        inside &= np.isin(codes, best.codes)
        left = left[inside[left]]
    rate = min(1.0, len(left) * each / max(int(inside.sum()), 1))
    entities, of = (None, None) if segments else _entities(rows, background, mismatched, explained)
    return Whereabouts(dict(sorted(segments.items())), rate, entities, of)


def _values(rows: RowTable, name: str, inside: Mask, explained: Indices) -> _Values | None:
    """The values of a column that are hit; None where it is no slice."""
    codes, values = rows.segments[name]
    hits = np.bincount(codes[explained][codes[explained] >= 0], minlength=len(values))
    num = np.bincount(codes[inside][codes[inside] >= 0], minlength=len(values))
    rate = hits / np.maximum(num, 1)
    # A value with a few hits of many rows was hit by chance; that with most hits among the likely ones sets the rate.
    most = rate[hits >= max(1.0, 0.2 * hits.max(initial=0))].max(initial=0.0)
    hit = np.flatnonzero((rate >= _HIT * most) & (hits > 0))
    held, share = int(hits[hit].sum()), float(num[hit].sum() / max(int(inside.sum()), 1))
    if held < _HELD * len(explained) or share > _NARROW:
        return None
    sets = math.lgamma(len(values) + 1) - math.lgamma(len(hit) + 1) - math.lgamma(len(values) - len(hit) + 1)
    tail = binomial_tail(held, len(explained), share)
    log_chance = math.log(max(tail, 1e-300)) + sets + math.log(len(rows.segments))
    return _Values(name, hit, log_chance) if log_chance < _CHANCE else None


def _entities(rows: RowTable, background: Mask, mismatched: Mask, explained: Indices) -> tuple[int | None, int | None]:
    """How many entities are hit, of how many, where it is the same ones each time.

    Those hit in the first half are looked at in the second, in which they must disagree far more often than all others:
    rows of one request lie in one half, so that a request that was hit as a whole makes no shard.
    """
    if rows.entity is None or not len(explained):
        return None, None
    _, codes = np.unique(rows.entity, return_inverse=True)
    middle = explained[len(explained) // 2]
    later = background.copy()
    later[: middle + 1] = False
    ours = later & np.isin(codes, codes[explained[explained <= middle]])
    theirs = later & ~ours
    if int(ours.sum()) < _LEAST_OTHERS or int(theirs.sum()) < _LEAST_OTHERS:
        return None, None
    here, there = float(mismatched[ours].mean()), float(mismatched[theirs].mean())
    if here < _SAME_ENTITIES * max(there, 1.0 / int(theirs.sum())):
        return None, None
    return len(np.unique(codes[explained])), len(np.unique(codes[background]))
