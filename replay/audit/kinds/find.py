"""The kind of a difference: the simplest that holds for most of the rows that differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from replay.audit.compare import DIFFERS, NULL_BOTH, NULL_HERE, NULL_THERE
from replay.audit.kinds.ages import LoggedValues, older_or_newer
from replay.audit.kinds.constants import default, null
from replay.audit.kinds.differing_rows import MOST, DifferingRows, Match
from replay.audit.kinds.lists import cut, order
from replay.audit.kinds.numbers import cast, shifted, type_, unit
from replay.audit.kinds.vocabulary import vocabulary
from replay.audit.row_differences import FeatureCounts

OTHER: Final = "other"
NOT_SERVED: Final = "not_served"
_LEAST_ROWS: Final = 10
"""Of fewer differing rows nothing is said."""
_FEWER: Final = 10
"""How many times fewer rows a kind leaves unexplained that is named though a simpler one holds."""
_LEAST_SLICE: Final = 30
"""Rows of a slice that has no value at all."""

_Kinds = Sequence[tuple[str, Callable[[DifferingRows], Match | None]]]
_BEFORE_AGES: _Kinds = (("null", null), ("default", default), ("type", type_), ("cast", cast), ("unit", unit))
_AFTER_AGES: _Kinds = (("order", order), ("cut", cut), ("vocabulary", vocabulary), ("shifted", shifted))


@dataclass(frozen=True)
class Difference:
    """How two tables differ in a feature.

    Attributes:
        kind: What the other table holds, seen from the traffic; ``other`` where no kind is sure.
        share: Share of the looked at rows that it holds for.
        details: What else was found out, such as ``lag_seconds``, ``factor`` or ``status``.
    """

    kind: str
    share: float = 0.0
    details: dict[str, Any] = field(default_factory=dict)


def find_kind(
    rows: DifferingRows, counts: FeatureCounts, slices: Sequence[tuple[str, int]], logged: LoggedValues | None
) -> Difference:
    """Name how a feature differs.

    Args:
        rows: Differing rows.
        counts: Of all rows of the feature.
        slices: Label and number of the slices of the counts.
        logged: The entities' values at all times; None where the traffic names no entity or no time.
    """
    slice_ = unserved_slices(counts, slices)
    if slice_:
        return Difference(NOT_SERVED, 1.0, {"slices": slice_})
    if len(rows) < _LEAST_ROWS:
        return Difference(OTHER)
    named: tuple[str, Match] | None = None
    for name, match in _matches(rows, logged):
        if match.rows.mean() >= MOST and (named is None or _explains_more(match, named[1])):
            named = (name, match)
        if named is not None and (~named[1].rows).sum() < _LEAST_ROWS:
            break  # what no other could explain more of
    if named is None:
        return Difference(OTHER)
    return Difference(named[0], float(named[1].rows.mean()), named[1].details)


def _matches(rows: DifferingRows, logged: LoggedValues | None) -> Iterator[tuple[str, Match]]:
    """What each kind says, the simplest first."""
    yield from _said(rows, _BEFORE_AGES)
    aged = None if logged is None else older_or_newer(rows, logged)
    if aged is not None:
        yield aged
    yield from _said(rows, _AFTER_AGES)


def _said(rows: DifferingRows, kinds: _Kinds) -> Iterator[tuple[str, Match]]:
    for name, kind in kinds:
        found = kind(rows)
        if found is not None:
            yield name, found


def _explains_more(match: Match, simpler: Match) -> bool:
    """Whether a kind leaves next to nothing of what a simpler one leaves unexplained.

    A counter of yesterday is 0 in most rows, and yesterday's in all of them.
    """
    left, left_by_simpler = int((~match.rows).sum()), int((~simpler.rows).sum())
    return left * _FEWER <= left_by_simpler and left_by_simpler - left >= _LEAST_ROWS


def unserved_slices(counts: FeatureCounts, slices: Sequence[tuple[str, int]]) -> list[str]:
    """Slices in which the other table has no value at all, if most differing rows are in those of one segment.

    >>> unserved_slices(FeatureCounts(), [("all", 0)])
    []
    """
    held = [(label, place) for label, place in slices if place < len(counts.counts)]
    empty: dict[str, list[tuple[str, int]]] = {}
    for label, place in held:
        of_slice = counts.counts[place]
        rows, missing = int(of_slice.sum()), int(of_slice[NULL_THERE] + of_slice[NULL_BOTH])
        if rows >= _LEAST_SLICE and missing == rows and of_slice[NULL_THERE]:
            empty.setdefault(label.partition("=")[0], []).append((label, int(of_slice[NULL_THERE])))
    if not empty:
        return []
    differing = int(counts.counts[0][[DIFFERS, NULL_HERE, NULL_THERE]].sum())
    best = max(empty.values(), key=lambda found: sum(rows for _, rows in found))
    if sum(rows for _, rows in best) < max(MOST * differing, _LEAST_ROWS):
        return []
    return [label for label, _ in sorted(best, key=lambda each: (-each[1], each[0]))]
