"""When and for whom online scores stopped agreeing with the replayed ones."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from replay.config.sections.diff import Tolerance
from replay.diagnosis.incidents.background.bursts import Bursts
from replay.diagnosis.incidents.ramps import Ramp, find_ramp
from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.incidents.scan_counts import IncidentWindow
from replay.diagnosis.incidents.search import IncidentSearch
from replay.diagnosis.noise.noise_floor import measure_noise

_OPEN_EXPECTED = 5.0  # mismatched rows expected after the last one, had the incident gone on


@dataclass(frozen=True)
class FoundIncident:
    """A stretch of time in which rows of a slice disagree, or lean to one side.

    Attributes:
        start_us: Time of the first affected row.
        end_us: One microsecond past the time of the last affected row.
        segments: Who is affected; empty for all traffic.
        rows: Compared rows of the slice within the time.
        mismatched: Those beyond the tolerance.
        mismatch_rate: Their share.
        mean_delta: Mean of replayed - online over the rows with two finite scores; 0 where there is none.
        p_value: Bound on the chance of such a window anywhere, in any slice, in a run without incidents.
        kind: ``mismatch``; or ``shift``: a systematic difference within the tolerance.
        permanent: Whether it lasts to the end of the traffic.
        since_start: Whether it began before the traffic does.
        gradual: Whether it came step by step.
        indices: Positions in the row table of the affected rows: the mismatched ones, for a shift all rows.
        times: Where it comes again and again: each time, in their order.
        background: Whether the bursts are so many and so alike that they are how this traffic is, for all that their
            rows say: an incident only where something explains them.
        rising: Where it is gradual: from when to when it came to its level.
        fading: Where it did not end at once: from when to when it left its level.
    """

    start_us: int
    end_us: int
    segments: dict[str, str]
    rows: int
    mismatched: int
    mismatch_rate: float
    mean_delta: float
    p_value: float
    kind: str
    permanent: bool
    since_start: bool
    gradual: bool
    indices: NDArray[np.int64]
    times: tuple[tuple[int, int], ...] = ()
    background: bool = False
    rising: tuple[int, int] | None = None
    fading: tuple[int, int] | None = None

    def holds(self, rows: RowTable) -> NDArray[np.bool_]:
        """``(num_rows,)`` bool: rows of the slice within the time."""
        inside = np.zeros(len(rows), dtype=np.bool_)
        for start, end in self.times or ((self.start_us, self.end_us),):
            first, last = np.searchsorted(rows.time_us, [start, end])
            inside[first:last] = True
        return inside & rows.in_slice(self.segments)


def find_incidents(
    rows: RowTable,
    tolerance: Tolerance,
    *,
    false_alarms: float = 1e-3,
    max_incidents: int = 10,
    bucket_us: int = 60_000_000,
) -> list[FoundIncident]:
    """Find the windows and slices in which the replay disagrees with what online answered.

    Args:
        rows: The baseline's rows.
        tolerance: What counts as agreement.
        false_alarms: Chance that a run without incidents shows one, over all windows and slices.
        max_incidents: At most so many, the ones with most evidence, and one of ``times``.
        bucket_us: Width of a time bucket; incidents are refined to the row from there.

    Returns:
        Incidents, the one with most evidence first; empty where all is quiet. The last one may have ``times``, and be
        ``background``.

    Raises:
        ValueError: ``false_alarms`` is not between 0 and 1, or another number is not positive.
    """
    if not 0.0 < false_alarms < 1.0 or max_incidents < 1 or bucket_us < 1:
        raise ValueError(
            f"found false_alarms={false_alarms}, max_incidents={max_incidents}, bucket_us={bucket_us}; "
            "expected a chance between 0 and 1 and positive numbers"
        )
    if not rows.counts.any():
        return []
    search = IncidentSearch(rows, tolerance, measure_noise(rows), bucket_us)
    windows = search.run(float(np.log(false_alarms)), max_incidents)
    found = [_describe(rows, search, window) for window in windows]
    return found if search.bursts is None else [*found, _describe_bursts(rows, search, search.bursts)]


def _describe_bursts(rows: RowTable, search: IncidentSearch, bursts: Bursts) -> FoundIncident:
    times = [(int(rows.time_us[one.first]), int(rows.time_us[one.last - 1]) + 1) for one in bursts.spans]
    found = FoundIncident(
        start_us=times[0][0],
        end_us=max(end for _, end in times),
        segments=bursts.segments,
        rows=0,
        mismatched=0,
        mismatch_rate=0.0,
        mean_delta=0.0,
        p_value=float(np.exp(min(0.0, bursts.log_chance))),
        kind="mismatch",
        permanent=False,
        since_start=False,
        gradual=False,
        indices=np.zeros(0, dtype=np.int64),
        times=tuple(times),
        background=bursts.background,
    )
    affected = np.flatnonzero(found.holds(rows) & rows.counts)
    bad = search.severity[affected] > 1.0
    return replace(
        found,
        rows=len(affected),
        mismatched=int(bad.sum()),
        mismatch_rate=float(bad.mean()),
        mean_delta=_mean_delta(rows, affected),
        indices=affected[bad],
    )


def _mean_delta(rows: RowTable, affected: NDArray[np.int64]) -> float:
    delta = (rows.replayed - rows.online)[affected]
    delta = delta[np.isfinite(delta)]
    return float(delta.mean()) if len(delta) else 0.0


def _describe(rows: RowTable, search: IncidentSearch, window: IncidentWindow) -> FoundIncident:
    inside = np.flatnonzero(rows.in_slice(window.segments) & rows.counts)
    start, end = int(rows.time_us[window.first]), int(rows.time_us[window.last - 1]) + 1
    bounds = np.searchsorted(rows.time_us, [start, end])
    low, high = (int(index) for index in np.searchsorted(inside, bounds))
    affected = inside[low:high]
    bad = search.severity[affected] > 1.0
    rate = float(bad.mean())
    # A shift has no affected rows to count: each row of it is.
    density = rate if window.kind == "mismatch" else 0.1
    value = bad.astype(np.float64) if window.kind == "mismatch" else search.shifted(affected)
    times = rows.time_us[affected]
    rising, fading = find_ramp(value, times, "onset"), find_ramp(value, times, "fade")
    return FoundIncident(
        start_us=start,
        end_us=end,
        segments=window.segments,
        rows=len(affected),
        mismatched=int(bad.sum()),
        mismatch_rate=rate,
        mean_delta=_mean_delta(rows, affected),
        p_value=float(np.exp(min(0.0, window.log_chance))),
        kind=window.kind,
        permanent=(len(inside) - high) * density < _OPEN_EXPECTED,
        since_start=low * density < _OPEN_EXPECTED,
        gradual=rising is not None,
        indices=affected[bad] if window.kind == "mismatch" else affected,
        rising=_times_of(rising, times),
        fading=_times_of(fading, times),
    )


def _times_of(ramp: Ramp | None, times: NDArray[np.int64]) -> tuple[int, int] | None:
    return None if ramp is None else (int(times[ramp.first]), int(times[ramp.last - 1]) + 1)
