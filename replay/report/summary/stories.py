"""Several incidents that are one story: the same cause on several values of one column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from replay.report.summary.json_safe import UtcTime


@dataclass(frozen=True)
class Story:
    """Incidents of one cause that overlap in time and differ in the value of one column."""

    incidents: Sequence[int]
    """Their numbers, from 1; the one with most evidence first."""
    column: str
    """The column in whose values they differ."""
    values: Sequence[str]
    """Its affected values, in the order of the incidents."""
    segments: Mapping[str, str]
    """What they have in common beside it."""
    start: UtcTime
    """Time of the first affected row of any."""
    end: UtcTime
    """One microsecond past the time of the last affected row of any."""
    rows: int
    """Compared rows of all of them."""
    mismatched: int
    """Those beyond the tolerance."""
