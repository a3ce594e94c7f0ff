"""Whether a cause that was found on a sample holds on every row of its incident."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from replay.config import Tolerance
from replay.diagnosis.incidents.rows import RowTable, severity

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class IncidentRows:
    """The rows of an incident, as masks over a row table.

    Attributes:
        mismatched: ``(num_rows,)``: rows of the slice within the time that the baseline leaves beyond the tolerance.
        others: ``(num_rows,)``: the rest of the compared rows of the slice within the time.
    """

    mismatched: Mask
    others: Mask


def rows_of_incident(
    rows: RowTable, times: Sequence[tuple[int, int]], segments: dict[str, str], tolerance: Tolerance
) -> IncidentRows:
    """Find the rows of an incident again, as the search counted them.

    Args:
        rows: The baseline's rows.
        times: Start and end (excluded) of the incident in microseconds, each time that it came.
        segments: Its slice.
        tolerance: When a row agrees.
    """
    inside = np.zeros(len(rows), dtype=np.bool_)
    for start, end in times:
        first, last = np.searchsorted(rows.time_us, [start, end])
        inside[first:last] = True
    inside &= rows.counts & rows.in_slice(segments)
    bad = severity(rows, tolerance) > 1.0
    return IncidentRows(inside & bad, inside & ~bad)


def agree_under(rows: RowTable, replayed: NDArray[np.float64], tolerance: Tolerance) -> Mask:
    """Rows that agree with online when they are replayed in another way.

    Args:
        rows: The baseline's rows.
        replayed: ``(num_rows,)`` scores of the other way; NaN where missing or not finite.
        tolerance: When a row agrees.

    Returns:
        ``(num_rows,)`` bool.
    """
    agree: Mask = severity(replace(rows, replayed=replayed), tolerance) <= 1.0
    return agree
