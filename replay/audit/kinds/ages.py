"""The entity's value of another time: ``older`` and ``newer``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.audit.compare import EQUAL, Mask, compare
from replay.audit.kinds.differing_rows import DifferingRows, Match
from replay.diagnosis.causes.counterfactual.entity_history import (
    ROUND_LAGS_US,
    EntityHistory,
    densest_lag,
    round_lag,
)

Places = NDArray[np.int64]

_HORIZON_US = 90 * 86_400 * 1_000_000
_MOST_TRIED = 80
"""Values of other times that are tried for a row."""
_CLOSER = 3
"""The power by which these come closer together near the row's own time."""
_MOST_STRANGERS = 50
"""Rows that are looked at for one of another entity."""
_MOST_CHANCE = 0.5
"""Where so many values agree with a stranger's as well, there is no telling."""
_LEAST = 0.7
"""Share of what chance leaves open that must agree."""
_ANY = 0.8


@dataclass(frozen=True)
class LoggedValues:
    """Values of one feature at all times of some entities, and the differing rows among them.

    Attributes:
        entity: ``(num_logged,)``.
        time_us: ``(num_logged,)`` int64, microseconds.
        values: ``(num_logged,)``.
        asked: ``(num_rows,)``, entities of the differing rows.
        asked_us: ``(num_rows,)`` int64, their times.
    """

    entity: pa.Array
    time_us: Places
    values: pa.Array
    asked: pa.Array
    asked_us: Places


def older_or_newer(rows: DifferingRows, logged: LoggedValues) -> tuple[str, Match] | None:
    """The kind that holds of more rows, ``older`` or ``newer``; None where neither holds, or they cannot be told apart.

    With ``lag_seconds`` where one lag fits the rows: what is there is the newest value that is so old, or that will be
    the newest so much later.
    """
    if not len(logged.entity) or not len(rows):
        return None
    history = EntityHistory(logged.entity, logged.time_us, logged.asked, logged.asked_us)
    found = {name: _at_other_times(rows, logged, history, later=later) for name, later in _DIRECTIONS}
    held = {name: match for name, match in found.items() if match is not None}
    if len(held) == 2:
        older, newer = (int(held[name].rows.sum()) for name in ("older", "newer"))
        if abs(older - newer) < 0.1 * len(rows):
            return None
        return ("older", held["older"]) if older > newer else ("newer", held["newer"])
    return next(iter(held.items()), None)


_DIRECTIONS = (("older", False), ("newer", True))


def _at_other_times(rows: DifferingRows, logged: LoggedValues, history: EntityHistory, *, later: bool) -> Match | None:
    """Rows that hold the value of another time; by one lag if that fits, else by any."""
    places = np.arange(len(rows))
    ends = (-_HORIZON_US, -1) if later else (1, _HORIZON_US)
    row, index = history.between(places, *ends, _MOST_TRIED, power=_CLOSER, backwards=later)
    if not row.size:
        return None
    agrees = _agrees(rows, logged, row, history.rows_at(index))
    by_lag = _by_one_lag(rows, logged, history, row[agrees], index[agrees], later=later)
    if by_lag is not None:
        return by_lag
    matched = np.zeros(len(rows), dtype=np.bool_)
    matched[row[agrees]] = True
    strangers = _strangers(logged)[row]
    by_chance = np.zeros(len(rows), dtype=np.bool_)
    by_chance[row[_agrees(rows, logged, strangers, history.rows_at(index))]] = True
    return Match(matched) if _is_more(matched.mean(), by_chance.mean()) else None


def _by_one_lag(
    rows: DifferingRows, logged: LoggedValues, history: EntityHistory, row: Places, index: Places, *, later: bool
) -> Match | None:
    first, last = history.lags(row, index)
    if later:
        first, last = -last - 1, -first - 1
    above, up_to, count = densest_lag(first, last)
    if not count or up_to <= above:
        return None
    places = np.arange(len(rows))

    def reached(lag: int) -> Places:
        return history.rows_at(history.indices(places, -lag if later else lag))

    # Of few different values many lags agree with most rows: one that people choose goes before another that does.
    lags = (*ROUND_LAGS_US, round_lag(above, up_to))
    matched = {lag: _agrees(rows, logged, places, reached(lag)) for lag in lags}
    lag = max(matched, key=lambda each: int(matched[each].sum()))
    by_chance = _agrees(rows, logged, _strangers(logged), reached(lag))
    if not _is_more(matched[lag].mean(), by_chance.mean()):
        return None
    return Match(matched[lag], {"lag_seconds": lag / 1e6})


def _strangers(logged: LoggedValues) -> Places:
    """For each row another one, ``(num_rows,)``: of another entity, and as near in time as may be.

    What agrees with a stranger's value as well is common at the time. Where all rows are one entity's, it is of that.
    """
    order = np.argsort(logged.asked_us, kind="stable")
    entity = logged.asked.dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False)[order]
    found = np.roll(np.arange(len(order)), len(order) // 2)
    searched = np.ones(len(order), dtype=np.bool_)
    for step in range(1, min(_MOST_STRANGERS, len(order))):
        other = searched & (np.roll(entity, -step) != entity)
        found[other] = np.roll(np.arange(len(order)), -step)[other]
        searched &= ~other
    strangers = np.empty_like(order)
    strangers[order] = order[found]
    return strangers


def _is_more(share: float, by_chance: float) -> bool:
    return share >= _ANY and by_chance <= _MOST_CHANCE and share - by_chance >= _LEAST * (1 - by_chance)


def _agrees(rows: DifferingRows, logged: LoggedValues, row: Places, at: Places) -> Mask:
    """Whether what rows have there is what was logged at some places; -1 is no place."""
    known = at >= 0
    values = logged.values.take(pa.array(np.maximum(at, 0)))
    return np.asarray((compare(values, rows.there.take(pa.array(row))) == EQUAL) & known)
