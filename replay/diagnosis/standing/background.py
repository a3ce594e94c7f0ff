"""The background: the rows outside of every incident, of which some may disagree at all times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from replay.config.sections.diff import Tolerance
from replay.diagnosis.causes.sampling import SampledRows, draw_rows, outside_of
from replay.diagnosis.incidents.find import FoundIncident
from replay.diagnosis.incidents.rows import RowTable, severity
from replay.hashing import bits, salted

Mask = NDArray[np.bool_]

_LEAST_ROWS = 1_000
_LEAST_SHARE = 0.02  # of the rows: less is left over by incidents, and says little of the time without them


@dataclass(frozen=True, eq=False)
class Background:
    """Rows of a table that no incident holds.

    Attributes:
        rows: ``(num_rows,)`` bool, those that are compared.
        mismatched: ``(num_rows,)`` bool, those of them that disagree.
    """

    rows: Mask
    mismatched: Mask

    @property
    def num_rows(self) -> int:
        """How many rows there are."""
        return int(self.rows.sum())

    @property
    def rate(self) -> float:
        """Share of them that disagrees; 0 where there are none."""
        return int(self.mismatched.sum()) / max(self.num_rows, 1)

    @property
    def is_measured(self) -> bool:
        """Whether these are enough to say how the traffic is without incidents."""
        return self.num_rows >= max(_LEAST_ROWS, _LEAST_SHARE * len(self.rows))


def find_background(rows: RowTable, incidents: Sequence[FoundIncident], tolerance: Tolerance) -> Background:
    """The rows outside of every incident.

    Args:
        rows: The baseline's rows.
        incidents: All that were found.
        tolerance: What counts as agreement.
    """
    outside = outside_of(rows, [_with_ramps(incident) for incident in incidents]) & rows.counts
    return Background(outside, outside & (severity(rows, tolerance) > 1.0))


def _with_ramps(incident: FoundIncident) -> FoundIncident:
    """An incident and half as much again of its ramps, whose ends are so few rows that no boundary holds them."""
    rising, fading = ((end - start) // 2 for start, end in (incident.rising or (0, 0), incident.fading or (0, 0)))
    return replace(incident, start_us=incident.start_us - rising, end_us=incident.end_us + fading)


def sample_background(
    rows: RowTable,
    identity: NDArray[np.int64],
    background: Background,
    *,
    most_mismatched: int,
    most_control: int,
    seed: int = 0,
) -> SampledRows:
    """Draw a bounded sample of the background, the same in every run.

    Args:
        rows: The baseline's rows.
        identity: (num_rows,) a hash of each row's key.
        background: Which of them no incident holds.
        most_mismatched: Rows that disagree, at most.
        most_control: Rows that agree, at most.
        seed: Of the draw.
    """
    draw = bits(identity.view(np.uint64), salted(seed, "diagnosis"))
    finite = np.isfinite(rows.online) & np.isfinite(rows.replayed)
    good = finite & background.rows & ~background.mismatched
    return SampledRows(
        draw_rows(np.flatnonzero(finite & background.mismatched), draw, most_mismatched),
        draw_rows(np.flatnonzero(good), draw, most_control),
    )
