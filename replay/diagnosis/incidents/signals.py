"""Per-row values that are scanned: mismatches, grave mismatches, and small differences with their sign."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.incidents.cells import TimeCells
from replay.diagnosis.incidents.clusters import Clusters, cluster_sizes, neighbours
from replay.diagnosis.incidents.level import Level, measure_level
from replay.diagnosis.incidents.likelihood import MismatchModel, Model, ShiftModel
from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.noise.noise_floor import NoiseFloor

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

MOST_BACKGROUND = 0.08
"""A mismatch rate above this is no background, but a permanent incident."""

TYPICAL_BACKGROUND = 0.03
"""The background assumed under a permanent incident."""

_LEAST_MISMATCHED = 8
_LEAST_SHIFTED = 100
_WINSOR = 3.0
_ERRORS = 2.0
_UNKNOWN_CLUSTER = 10.0
_FEW_CLUSTERS = 16
_MOST_ROWS_A_TIME = 200
_GRAVE_ROWS = 100
_GRAVE_QUANTILE = 0.95
_GRAVE_BOUNDS = 4


@dataclass(frozen=True)
class Signal:
    """A value to scan.

    Attributes:
        kind: ``mismatch`` or ``shift``.
        value: ``(num_rows,)``; 0 where not valid.
        valid: ``(num_rows,)`` bool, rows that count.
        cluster: ``(num_rows,)`` what clusters mismatches, or None where it is not known.
        typical: Rows of a whole cluster.
    """

    kind: str
    value: Array
    valid: Mask
    cluster: NDArray[np.generic] | None
    typical: float

    def model(
        self, num: Array, total: Array, active: Mask, cells: TimeCells, at_most: float, *, with_bursts: bool = True
    ) -> Model | None:
        """Measure what is normal, from ``(num_cells,)`` counts and sums; None where no level is."""
        if self.kind == "shift":
            variance = float(np.var(self.value[self.valid & active]))
            level = measure_level(num, total, max(variance, 1e-12))
            return None if level is None else ShiftModel(level, max(variance, 1e-12), _WINSOR, _LEAST_SHIFTED)
        bad = np.flatnonzero((self.value > 0) & active)
        cell = cells.of_row[bad]

        def events(quiet: Mask) -> float:
            sizes = self._sizes(bad[quiet[cell]], MOST_BACKGROUND)
            return _of_a_row(sizes) if len(sizes) >= _FEW_CLUSTERS else self.typical

        level = measure_level(num, total, 0.0, at_most=at_most, with_bursts=with_bursts, cluster=events)
        if level is None:
            return None
        return self._mismatches(level, num, self._sizes(bad[level.quiet[cell]], level.mean))

    def assumed(self, num: Array) -> MismatchModel:
        """The model where nothing is quiet: the typical background, in whole clusters."""
        nothing = np.zeros(len(num), dtype=np.bool_)
        sizes = np.zeros(0, dtype=np.int64)
        level = Level(TYPICAL_BACKGROUND, 1.0, 0.0, nothing)
        return MismatchModel(level, Clusters.of_sizes(sizes, self.typical), _LEAST_MISMATCHED)

    def _sizes(self, bad: NDArray[np.int64], rate: float) -> NDArray[np.int64]:
        """Of the clusters of rows that have the value."""
        return cluster_sizes(neighbours(bad, rate) if self.cluster is None else self.cluster[bad])

    def _mismatches(self, level: Level, num: Array, sizes: NDArray[np.int64]) -> MismatchModel:
        clusters = Clusters.of_sizes(sizes, self.typical)
        quiet_rows = max(1.0, float(num[level.quiet].sum()))
        expected = _of_a_row(sizes)
        inflation = max(1.0, level.inflation / expected)
        # Known only to its error, and where not even one cluster was seen the next one would not be a surprise.
        error = float(np.sqrt(level.mean * expected * inflation / quiet_rows))
        rate = max(level.mean + _ERRORS * error, clusters.mean / quiet_rows)
        return MismatchModel(replace(level, mean=rate, inflation=inflation), clusters, _LEAST_MISMATCHED)


def _of_a_row(sizes: NDArray[np.int64]) -> float:
    """Size of the cluster that a random row is in."""
    return float(np.mean(sizes.astype(np.float64) ** 2) / np.mean(sizes)) if len(sizes) else 1.0


def mismatch_signal(rows: RowTable, severity: Array, over: float = 1.0) -> Signal:
    """Rows whose severity is over a bound."""
    valid = rows.counts
    cluster, typical = _clusters(rows)
    return Signal("mismatch", ((severity > over) & valid).astype(np.float64), valid, cluster, typical)


def grave_bounds(severity: Array) -> tuple[float, ...]:
    """Severities that are scanned too: equal ratios from 1 to what 5% of the mismatched rows exceed.

    An incident that moves scores further than the background does stands out among the graver rows, even where it
    touches fewer rows than the background.
    """
    bad = severity[(severity > 1.0) & np.isfinite(severity)]
    if len(bad) < _GRAVE_ROWS:
        return ()
    highest = float(np.quantile(bad, _GRAVE_QUANTILE))
    return tuple(float(bound) for bound in np.geomspace(1.0, highest, _GRAVE_BOUNDS + 1)[1:])


def shift_signal(rows: RowTable, severity: Array, noise: NoiseFloor) -> Signal | None:
    """Differences of rows that agree, over their noise, winsorised at 3 standard deviations.

    None where noise could not be measured, or where a calibration layer moves every row.
    """
    if not noise.concentrated or not noise.layer.is_identity:
        return None
    with np.errstate(invalid="ignore"):
        delta = rows.replayed - rows.online
        ratio = delta / (noise.abs + noise.rel * np.abs(rows.online))
        valid = rows.counts & np.isfinite(delta) & ((severity <= 1.0) | (np.abs(ratio) <= 1.0))
    differs = valid & (delta != 0.0)
    if np.count_nonzero(differs) < _LEAST_SHIFTED:
        return None
    scale = 1.4826 * float(np.median(np.abs(ratio[differs])))
    value = np.where(valid, np.clip(np.nan_to_num(ratio) / scale, -_WINSOR, _WINSOR), 0.0)
    return Signal("shift", value, valid, None, 1.0)


def _clusters(rows: RowTable) -> tuple[NDArray[np.generic] | None, float]:
    """What clusters mismatches: the group, else rows of the same time, else nothing known."""
    if len(rows) == 0:
        return None, _UNKNOWN_CLUSTER
    if rows.group is not None:
        some = rows.group[:20_000]
        return rows.group, len(some) / len(np.unique(some))
    times = 1 + int(np.count_nonzero(np.diff(rows.time_us)))
    a_time = len(rows) / times
    if 1.5 < a_time <= _MOST_ROWS_A_TIME:
        return rows.time_us, a_time
    return None, _UNKNOWN_CLUSTER
