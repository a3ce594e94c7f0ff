"""Forms of a map, the simplest first: one shift, the remainder of a division, a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.causes.maps.observed import Observed
from replay.diagnosis.causes.maps.values import PERIODS, Value
from replay.diagnosis.causes.significance import binomial_tail

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]

_LEAST_ROWS: Final = 3
_LEAST_SHARE: Final = 0.1
_LEAST_VALUES: Final = 3  # of a table: with two, exchanged values cannot be told from drawn ones
_CERTAIN: Final = 0.05  # chance that any wrong value would have as many hits, of an entry that stands alone
_LIKELY: Final = 0.2  # and of one beside others
_LEAST_CERTAIN: Final = 2
_LEAST_LENGTH: Final = 3  # of a range, for the same reason as of a table


@dataclass(frozen=True)
class MapForm:
    """A form of a map with its numbers.

    Attributes:
        op: The perturbation that does it.
        arguments: Of the op.
    """

    op: str
    arguments: Mapping[str, Any]


def forms(observed: Observed) -> list[MapForm]:
    """The best map of each form that some rows speak for; see :class:`Observed`."""
    if observed.hits.any(axis=0).sum() < max(_LEAST_ROWS, _LEAST_SHARE * len(observed.rows)):
        return []
    found: list[MapForm] = []
    if not any(isinstance(one, str) for one in observed.logged):
        numbers = np.array(observed.logged, np.float64)
        found += [*_shift(observed, numbers), *_rotation(observed, numbers), *_remainder(observed, numbers)]
    return [*found, *_table(observed)]


def _shift(observed: Observed, logged: Floats) -> Iterator[MapForm]:
    """One amount, the smallest of those that explain most rows."""
    served, rows = _pairs(observed)
    amounts = served - logged[rows]
    best = _most_frequent((amount, int((amounts == amount).sum())) for amount in sorted(np.unique(amounts), key=abs))
    if best is not None and _is_supported(observed, logged, rows[amounts == best]):
        yield MapForm("shift", {"by": float(best)})


def _rotation(observed: Observed, logged: Floats) -> Iterator[MapForm]:
    """One amount within a range that begins again where it ends."""
    served, rows = _pairs(observed)
    low, high = logged.min(), logged.max()
    may_be = [one for one in observed.values if not isinstance(one, str | None)]
    own = (int(max(may_be) - min(may_be)) + 1, int(min(may_be)))
    best: tuple[int, MapForm] | None = None
    for length, start in dict.fromkeys([*PERIODS, own]):
        if length < _LEAST_LENGTH or low < start or high >= start + length:
            continue
        inside = (served >= start) & (served < start + length)
        amounts = np.mod(served - logged[rows], length)
        chosen = _most_frequent((one, int((amounts[inside] == one).sum())) for one in range(length))
        hit = rows[inside & (amounts == chosen)]
        if _is_supported(observed, logged, hit) and (best is None or len(hit) > best[0]):
            by = float(chosen if 2 * chosen <= length else chosen - length)
            best = len(hit), MapForm("shift", {"by": by, "modulo": length} | ({"start": start} if start else {}))
    if best is not None:
        yield best[1]


def _remainder(observed: Observed, logged: Floats) -> Iterator[MapForm]:
    """What a division leaves, as where ids are put into fewer buckets."""
    served, rows = _pairs(observed)
    if logged.min() < 0:
        return
    counts = {n: int((np.mod(logged[rows], n) == served).sum()) for n in range(_LEAST_LENGTH, int(logged.max()) + 1)}
    best = _most_frequent((n, counts[n]) for n in sorted(counts, reverse=True))
    hit = rows[np.mod(logged[rows], best) == served] if best is not None else rows[:0]
    if best is not None and _is_supported(observed, logged, hit) and len(np.unique(np.mod(logged[hit], best))) > 1:
        yield MapForm("shift", {"modulo": best})


def _table(observed: Observed) -> Iterator[MapForm]:
    """For each logged value that on which most of its rows agree, where these are more than chance."""
    logged = np.array(observed.logged, object)
    votes = {value: observed.hits[:, logged == value] for value in dict.fromkeys(observed.logged)}
    by_chance = _hits_by_chance(list(votes.values()))
    found: dict[Value, tuple[Value | None, float]] = {}
    for value, hits in votes.items():
        counts = hits.sum(axis=1)
        best = int(np.argmax(counts))
        if observed.values[best] != value:
            found[value] = observed.values[best], len(hits) * binomial_tail(int(counts[best]), hits.shape[1], by_chance)
    # Where two are certain the feature was recoded, and it takes less to believe what a row says of a third value.
    is_recoded = sum(chance < _CERTAIN for _, chance in found.values()) >= _LEAST_CERTAIN
    table = {value: served for value, (served, chance) in found.items() if is_recoded and chance < _LIKELY}
    if len(table) >= _LEAST_VALUES and len(set(table.values())) > 1:
        yield MapForm("remap", {"values": dict(sorted(table.items()))})


def _hits_by_chance(votes: Sequence[Mask]) -> float:
    """Share of hits among values that their rows do not agree on: how easily a wrong value gives the online score.

    One hit and one miss are added, so that a chance that was never seen is not taken for none.
    """
    hits = sum(int(one.sum() - one.sum(axis=1).max(initial=0)) for one in votes)
    cells = sum((len(one) - 1) * one.shape[1] for one in votes)
    return float((hits + 1) / (cells + 2))


def _pairs(observed: Observed) -> tuple[Floats, NDArray[np.int64]]:
    """Served numbers and the place of the row, for every hit, ``(h,)`` each."""
    values, rows = np.nonzero(observed.hits)
    numbers = np.array([np.nan if isinstance(one, str | None) else one for one in observed.values], np.float64)
    served = numbers[values]
    known = np.isfinite(served)
    return served[known], rows[known]


def _most_frequent(counted: Iterable[tuple[Any, int]]) -> Any:
    """The first of those that are counted most; None of none."""
    several = list(counted)
    return max(several, key=lambda one: one[1])[0] if several else None


def _is_supported(observed: Observed, logged: Floats, hit: Sequence[int] | NDArray[np.int64]) -> bool:
    """Whether a fair part of the rows, of several logged values, is behind it."""
    least = max(_LEAST_ROWS, _LEAST_SHARE * len(observed.rows))
    return len(hit) >= least and len(np.unique(logged[np.asarray(hit)])) > 1
