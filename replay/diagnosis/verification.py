"""Whether a cause that was found on a sample holds on every row of its incident."""

from __future__ import annotations

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
    rows: RowTable, start_us: int, end_us: int, segments: dict[str, str], tolerance: Tolerance
) -> IncidentRows:
    """Find the rows of an incident again, as the search counted them.

    Args:
        rows: The baseline's rows.
        start_us: Of the incident.
        end_us: Of the incident, excluded.
        segments: Its slice.
        tolerance: When a row agrees.
    """
    inside = rows.counts & rows.in_slice(segments) & (rows.time_us >= start_us) & (rows.time_us < end_us)
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
