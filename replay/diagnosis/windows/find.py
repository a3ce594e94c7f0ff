"""The windows of a cause: stretches of time, each with its slice, by the boundaries that incidents have."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.incidents.clusters import Clusters, cluster_sizes
from replay.diagnosis.incidents.find import FoundIncident
from replay.diagnosis.incidents.level import Level
from replay.diagnosis.incidents.likelihood import MismatchModel
from replay.diagnosis.incidents.refine import Span, mark_shares, refine_marks
from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.incidents.scan_counts import ScanCounts
from replay.diagnosis.incidents.signals import Signal
from replay.diagnosis.incidents.slices import choose_slice_of
from replay.diagnosis.windows.draw import RowsAround
from replay.diagnosis.windows.hits import UNKNOWN, Hits

Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

_LEAST_HITS = 20
_MOST_WINDOWS = 4
_NATS = 15.0
_HELD = 0.97  # of the rows that it hit lie in its windows
_LEAST_SHARE = 0.05  # of the incident's rows lie outside of them, or of the cause's beyond the incident
_LEAST_CHANCE = 1e-4
_BUCKET_US = 60_000_000


@dataclass(frozen=True)
class FoundWindow:
    """A stretch of time in which a cause hit a slice.

    Attributes:
        start_us: Time of the first row that it hit.
        end_us: One microsecond past the time of the last one.
        segments: Whom it hit; empty for all traffic.
        rows: Compared rows of the slice within the time.
        mismatched: Those beyond the tolerance.
        rows_tested: Those of these that were replayed and tell whether the cause hit them.
        explained: Of these, the ones that it hit.
    """

    start_us: int
    end_us: int
    segments: Mapping[str, str]
    rows: int
    mismatched: int
    rows_tested: int
    explained: int


def find_windows(
    rows: RowTable, incident: FoundIncident, drawn: RowsAround, hits: Hits, chance: float
) -> tuple[FoundWindow, ...]:
    """Find when and for whom one of several causes of an incident holds.

    That is the most likely stretch among the rows of the incident's slice, the slice that says most of all rows in it,
    and the stretch of that slice; then the same among the rows that are left.

    Args:
        rows: The baseline's rows.
        incident: The incident.
        drawn: Rows around it.
        hits: ``(k,)`` for each drawn row whether the cause hit it; 0 where it agrees.
        chance: Share of the rows that the cause seems to hit where it does not hold.

    Returns:
        Windows in the order of time. Empty where these are no other than the incident's, or where the rows do not tell:
        too few, or hits that do not lie in stretches.
    """
    search = _WindowSearch(rows, incident, drawn, hits, max(chance, _LEAST_CHANCE))
    found = search.run()
    return found if found and search.is_held(found) and search.is_clear(found) else ()


class _WindowSearch:
    """The search among the drawn rows; positions are among these."""

    def __init__(self, rows: RowTable, incident: FoundIncident, drawn: RowsAround, hits: Hits, chance: float) -> None:
        places = drawn.places
        self.rows, self.incident, self.drawn, self.chance = rows, incident, drawn, chance
        self.table = _taken(rows, places)
        self.known = hits != UNKNOWN
        self.hit = hits == 1
        self.ours = incident.holds(self.table)
        self.mismatched = drawn.mismatched[places]
        self.cluster = _cluster(self.table, self.hit)
        valid = self.known
        self._scan = ScanCounts(self.table, _BUCKET_US)
        self._scan.active &= valid
        self._scan.add(Signal("mismatch", self.hit.astype(np.float64), valid, None, self.cluster))
        clusters = Clusters.of_sizes(np.zeros(0, np.int64), self.cluster)
        quiet = np.zeros(len(self._scan.cells), np.bool_)
        self._model = MismatchModel(Level(chance, 1.0, 0.0, quiet), clusters, _LEAST_HITS)
        typical = np.full_like(mark_shares(np.zeros(0, np.int8)), chance / 1000)
        typical[:2] = 1.0 - chance, chance
        self._background = typical / typical.sum()

    def run(self) -> tuple[FoundWindow, ...]:
        found: list[FoundWindow] = []
        for _ in range(2 * _MOST_WINDOWS):
            left = np.flatnonzero(self.ours & self.hit & self._scan.active)
            if len(left) < _LEAST_HITS or len(found) == _MOST_WINDOWS:
                break
            window = self._next(Span(int(left[0]), int(left[-1]) + 1))
            if window is None:
                break
            found.append(window)
        return tuple(sorted(found, key=lambda one: one.start_us))

    def _next(self, start: Span) -> FoundWindow | None:
        span = self._refined(start, self.table.in_slice(self.incident.segments))
        inside = span.first + np.flatnonzero(self._scan.active[span.first : span.last])
        if not len(inside):
            return None
        choice = choose_slice_of(self._scan, 0, self._model, inside)
        span = self._refined(span, choice.inside)
        taken = span.first + np.flatnonzero((choice.inside & self._scan.active)[span.first : span.last])
        num, hits = np.array([len(taken)]), np.array([int(self.hit[taken].sum())])
        evidence = float(self._model.exponent(num, hits, np.array([self.chance]))[0])
        if evidence < _NATS or not (self.ours & self.hit)[taken].any():
            return None
        self._scan.remove(taken)
        return self._describe(span, choice.segments)

    def _refined(self, span: Span, inside: Mask) -> Span:
        """The most likely stretch of a slice, as of an incident, from a first guess."""
        indices = np.flatnonzero(inside & self._scan.active)
        start = Span(*(int(index) for index in np.searchsorted(indices, [span.first, span.last])))
        if start.first == start.last:
            return span
        found = refine_marks(self.hit[indices].astype(np.int8), start, self._background, self.cluster)
        return Span(int(indices[found.first]), int(indices[found.last - 1]) + 1)

    def _describe(self, span: Span, segments: dict[str, str]) -> FoundWindow:
        start, end = int(self.table.time_us[span.first]), int(self.table.time_us[span.last - 1]) + 1
        start, end = self._to_the_incident(start, end, segments)
        mine = self._holds(self.table, start, end, segments) & self.known & self.mismatched
        every = self._holds(self.rows, start, end, segments) & self.rows.counts
        return FoundWindow(
            start_us=start,
            end_us=end,
            segments=segments,
            rows=int(every.sum()),
            mismatched=int((every & self.drawn.mismatched).sum()),
            rows_tested=int(mine.sum()),
            explained=int((mine & self.hit).sum()),
        )

    def _to_the_incident(self, start: int, end: int, segments: Mapping[str, str]) -> tuple[int, int]:
        """An edge of the incident where no row that was replayed lies between it and the window's."""
        if segments != self.incident.segments:
            return start, end
        times = self.table.time_us[self.ours & self.known & self.mismatched]
        first, last = np.searchsorted(times, [start, end])
        start = self.incident.start_us if first == 0 and start > self.incident.start_us else start
        end = self.incident.end_us if last == len(times) and end < self.incident.end_us else end
        return start, end

    @staticmethod
    def _holds(table: RowTable, start: int, end: int, segments: Mapping[str, str]) -> Mask:
        return table.in_slice(segments) & (table.time_us >= start) & (table.time_us < end)

    def _inside(self, windows: tuple[FoundWindow, ...]) -> Mask:
        inside = np.zeros(len(self.table), np.bool_)
        for one in windows:
            inside |= self._holds(self.table, one.start_us, one.end_us, one.segments)
        return inside

    def is_held(self, windows: tuple[FoundWindow, ...]) -> bool:
        """Whether practically all hits of the incident lie in the windows, but for those by chance."""
        ours = self.ours & self.known
        outside = self._hits(ours & ~self._inside(windows))
        return bool(outside <= (1.0 - _HELD) * self._hits(ours) + self.chance * np.count_nonzero(ours))

    def is_clear(self, windows: tuple[FoundWindow, ...]) -> bool:
        """Whether the windows are clearly others than the incident's: shorter or narrower, or beyond it."""
        inside = self._inside(windows)
        rate = float(self.hit[inside & self.known].mean())
        # By the rule of succession: of a few requests that were all hit the next one may not be.
        most = 1.0 - 1.0 / (np.count_nonzero(inside & self.known) / self.cluster + 2.0)
        rate = min(max(rate, 2.0 * self.chance), most)
        out = self.ours & self.known & ~inside
        beyond = self.known & inside & ~self.ours
        per_hit, per_miss = math.log(self.chance / rate), math.log((1.0 - self.chance) / (1.0 - rate))
        against = float(np.sum(np.where(self.hit[out], per_hit, per_miss)))
        beside = -float(np.sum(np.where(self.hit[beyond], per_hit, per_miss)))
        least = _NATS * self.cluster
        shorter = against > least and np.count_nonzero(out) >= _LEAST_SHARE * np.count_nonzero(self.ours)
        longer = beside > least and self._hits(beyond) >= _LEAST_SHARE * self._hits(inside)
        return bool(shorter or longer)

    def _hits(self, among: Mask) -> int:
        return int(np.count_nonzero(among & self.known & self.hit))


def _taken(rows: RowTable, places: Integers) -> RowTable:
    """Some rows of a table."""
    return RowTable(
        rows.time_us[places],
        rows.online[places],
        rows.replayed[places],
        {name: (codes[places], values) for name, (codes, values) in rows.segments.items()},
        group=None if rows.group is None else rows.group[places],
    )


def _cluster(table: RowTable, hit: Mask) -> float:
    """How many of the hit rows come together, seen from one of them."""
    if table.group is None or not hit.any():
        return 1.0
    sizes = cluster_sizes(np.asarray(table.group)[hit]).astype(np.float64)
    return float((sizes**2).sum() / sizes.sum())
