"""The rows in which the windows of causes are looked for: those around an incident, of every slice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replay.config.sections.diff import Tolerance
from replay.diagnosis.causes.sampling import SampledRows
from replay.diagnosis.incidents.find import FoundIncident
from replay.diagnosis.incidents.rows import RowTable, severity
from replay.hashing import bits, salted

Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

_ZOOM_ROWS = 1_000  # on either side of an edge, at most


@dataclass(frozen=True, eq=False)
class RowsAround:
    """Rows of a table, drawn by hash: as large a share of those that agree as of those that do not.

    Attributes:
        chosen: ``(num_rows,)`` bool, which of the table's.
        mismatched: ``(num_rows,)`` bool, the table's rows that disagree and can be replayed.
        around: ``(num_rows,)`` bool, the rows that were drawn from.
    """

    chosen: Mask
    mismatched: Mask
    around: Mask

    @property
    def places(self) -> Integers:
        """``(k,)`` positions in the table, ascending."""
        return np.flatnonzero(self.chosen)

    @property
    def sample(self) -> SampledRows:
        """Those that are to be replayed: on a row that agrees no cause shows."""
        return SampledRows(np.flatnonzero(self.chosen & self.mismatched), np.zeros(0, np.int64))

    @property
    def is_whole(self) -> bool:
        """Whether every row was drawn that disagrees."""
        return bool(self.chosen[self.around & self.mismatched].all())

    def zoomed(self, rows: RowTable, edges_us: Iterable[tuple[int, int]]) -> RowsAround:
        """The same with all rows about some times, so that what begins or ends there is seen to the row.

        Args:
            rows: The table.
            edges_us: Times, and how far before and after them to look, in microseconds.
        """
        chosen = self.chosen.copy()
        for edge, reach in edges_us:
            place, low, high = (int(one) for one in np.searchsorted(rows.time_us, [edge, edge - reach, edge + reach]))
            part = slice(max(low, place - _ZOOM_ROWS, 0), min(high, place + _ZOOM_ROWS) + 1)
            chosen[part] |= self.around[part]
        return RowsAround(chosen, self.mismatched, self.around)


def draw_around(
    rows: RowTable,
    identity: Integers,
    incident: FoundIncident,
    tolerance: Tolerance,
    *,
    most: int,
    seed: int = 0,
) -> RowsAround:
    """Draw rows of an incident and around it: as long before and after, and of all slices.

    Args:
        rows: The baseline's rows.
        identity: ``(num_rows,)`` a hash of each row's key.
        incident: The incident.
        tolerance: When a row agrees.
        most: Mismatched rows at most of the incident, and as many of what is around it.
        seed: Of the draw; that of the incident's sample gives that sample.
    """
    draw = bits(identity.view(np.uint64), salted(seed, "diagnosis"))
    finite = np.isfinite(rows.online) & np.isfinite(rows.replayed) & rows.counts
    bad = finite & (severity(rows, tolerance) > 1.0)
    length = incident.end_us - incident.start_us
    around = finite & (rows.time_us >= incident.start_us - length) & (rows.time_us < incident.end_us + length)
    inside = incident.holds(rows) & around
    limit = _limit(draw[inside & bad], most)
    outer = min(limit, _limit(draw[around & ~inside & bad], most))
    return RowsAround(around & (draw <= np.where(inside, limit, outer)), bad & around, around)


def _limit(draw: NDArray[np.uint64], most: int) -> np.uint64:
    """The hash up to which at most so many are drawn."""
    return np.uint64(2**64 - 1) if len(draw) <= most else np.partition(draw, most - 1)[most - 1]
