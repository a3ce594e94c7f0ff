"""The rows on which causes are tested: mismatched rows of the incident, and good ones as a control, drawn by hash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replay.config.sections.diff import Tolerance
from replay.diagnosis.incidents.find import FoundIncident
from replay.diagnosis.incidents.rows import RowTable, severity
from replay.hashing import bits, salted

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SampledRows:
    """Positions in a row table.

    Attributes:
        mismatched: Rows of the incident that disagree.
        control: Rows that agree: one half within the incident's time and slice where there are so many, the rest
            outside of every incident.
        num_near: How many of the control rows, the first of them, are within.
    """

    mismatched: Indices
    control: Indices
    num_near: int = 0

    @property
    def all(self) -> Indices:
        """The mismatched rows, then the control rows."""
        return np.concatenate((self.mismatched, self.control))

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Of :attr:`all`, those that are within the incident's time and slice."""
        return np.arange(len(self.all)) < len(self.mismatched) + self.num_near


def sample_rows(
    rows: RowTable,
    identity: NDArray[np.int64],
    incident: FoundIncident,
    incidents: Sequence[FoundIncident],
    tolerance: Tolerance,
    *,
    most_mismatched: int,
    most_control: int,
    seed: int = 0,
) -> SampledRows:
    """Draw a bounded sample of an incident, the same in every run.

    Args:
        rows: The baseline's rows.
        identity: (num_rows,) a hash of each row's key.
        incident: The one that is sampled.
        incidents: All of them; what is in any is no control row from outside.
        tolerance: When two scores agree.
        most_mismatched: Mismatched rows at most.
        most_control: Control rows at most.
        seed: Of the draw.
    """
    draw = bits(identity.view(np.uint64), salted(seed, "diagnosis"))
    finite = np.isfinite(rows.online) & np.isfinite(rows.replayed)
    bad = severity(rows, tolerance) > 1.0
    inside = incident.holds(rows)
    good = finite & rows.counts & ~bad
    near = draw_rows(np.flatnonzero(good & inside), draw, most_control // 2)
    far = draw_rows(np.flatnonzero(good & outside_of(rows, incidents)), draw, most_control - len(near))
    return SampledRows(
        draw_rows(np.flatnonzero(finite & inside & bad), draw, most_mismatched), np.concatenate((near, far)), len(near)
    )


def outside_of(rows: RowTable, incidents: Sequence[FoundIncident]) -> NDArray[np.bool_]:
    """``(num_rows,)`` bool: rows that are in none of the incidents, by their times and slices."""
    outside = np.ones(len(rows), dtype=np.bool_)
    for incident in incidents:
        outside &= ~incident.holds(rows)
    return outside


def draw_rows(indices: Indices, draw: NDArray[np.uint64], most: int) -> Indices:
    """The rows with the smallest hashes, in the order of the table.

    Args:
        indices: ``(k,)`` rows to draw from.
        draw: ``(num_rows,)`` hashes of all rows.
        most: Rows that are drawn, at most.
    """
    if len(indices) <= most:
        return indices
    return np.sort(indices[np.argpartition(draw[indices], most)[:most]])
