"""How far replayed and online scores differ when nothing is wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from replay.config.sections.diff import Tolerance
from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.noise.calibration_layer import CalibrationLayer, find_calibration_layer
from replay.diagnosis.noise.envelope import NUMERIC_REL, Envelope, fit_envelope

Array = NDArray[np.float64]

_MOST_ROWS = 400_000
_BLOCKS = 200
_LEAST_BLOCK = 20
_QUIET = 0.5
_CONCENTRATED = 0.01


@dataclass(frozen=True)
class NoiseFloor:
    """The differences of quiet rows: ``|replayed - online| <= abs + rel * |online|`` for practically all.

    Attributes:
        abs: The part that does not depend on the score.
        rel: The part that grows with the online score.
        offset: Of the calibration layer, 0 without one.
        scale: Of the calibration layer, 1 without one.
        logit: Whether offset and scale are on the logit.
        mismatch_rate: Share of quiet rows outside of the floor: the background, such as features that are logged by a
            second request a moment later.
        concentrated: Whether quiet differences lie near 0. If not, all rows may be bad, and ``abs`` and ``rel`` are no
            measurement but what float32 arithmetic gives.
        rows: Quiet rows it was measured on.
        why: One sentence for a person.
    """

    abs: float
    rel: float
    offset: float
    scale: float
    logit: bool
    mismatch_rate: float
    concentrated: bool
    rows: int
    why: str

    @property
    def tolerance(self) -> Tolerance:
        """The floor as a tolerance."""
        return Tolerance(abs=self.abs, rel=self.rel)

    @property
    def layer(self) -> CalibrationLayer:
        """The calibration layer; the identity without one."""
        return CalibrationLayer(self.offset, self.scale, self.logit)


def without_layer(rows: RowTable, noise: NoiseFloor) -> RowTable:
    """The rows with the calibration layer applied to the replayed scores, so that only other differences remain."""
    return rows if noise.layer.is_identity else replace(rows, replayed=noise.layer.apply(rows.replayed))


def measure_noise(rows: RowTable) -> NoiseFloor:
    """Measure the noise floor on the quiet half of the time.

    The traffic is cut into 200 blocks of equal rows; the half with the smallest differences (by their 75% quantile) is
    quiet, so that an incident that covers up to 40% of the traffic is not in it. A calibration layer is looked for
    first, and noise is what it leaves. Within the quiet rows, the bound comes from low quantiles of the differences,
    extrapolated to one row in a million, so that a background of a few percent of moved rows does not widen it.

    Args:
        rows: Any order of magnitude of rows; at most 400,000, evenly spaced, are used.
    """
    indices = np.flatnonzero(rows.counts & np.isfinite(rows.online) & np.isfinite(rows.replayed))
    indices = indices[:: max(1, -(-len(indices) // _MOST_ROWS))]
    if len(indices) < _LEAST_BLOCK:
        return _numeric(rows.online[indices], rows.replayed[indices], "too few rows to measure noise")
    online, replayed = rows.online[indices], rows.replayed[indices]
    layer = find_calibration_layer(replayed, online)
    for _ in range(2):
        quiet = _quiet_rows(np.abs(layer.apply(replayed) - online))
        layer = find_calibration_layer(replayed[quiet], online[quiet])
    online, replayed = online[quiet], layer.apply(replayed[quiet])
    typical = float(np.median(np.abs(replayed - online)))
    if typical > _CONCENTRATED * _spread(online):
        return _numeric(
            online, replayed, "the differences are not concentrated near 0: no part of the traffic is quiet"
        )
    envelope = fit_envelope(np.abs(replayed), np.abs(replayed - online), _CONCENTRATED * _spread(online))
    return _floor(envelope, layer, online, replayed)


def _quiet_rows(away: Array) -> NDArray[np.bool_]:
    """Rows of the half of the blocks with the smallest differences."""
    blocks = max(2, min(_BLOCKS, len(away) // _LEAST_BLOCK))
    of_row = np.arange(len(away)) * blocks // len(away)
    edges = np.searchsorted(of_row, np.arange(blocks + 1))
    sizes = np.array([np.quantile(away[a:b], 0.75) for a, b in pairwise(edges)])
    kept = np.argsort(sizes, kind="stable")[: max(1, int(blocks * _QUIET))]
    quiet = np.zeros(blocks, dtype=np.bool_)
    quiet[kept] = True
    return np.asarray(quiet[of_row], dtype=np.bool_)


def _spread(online: Array) -> float:
    low, high = np.quantile(online, [0.25, 0.75])
    return float(high - low) or float(np.abs(np.median(online))) or 1.0


def _floor(envelope: Envelope, layer: CalibrationLayer, online: Array, replayed: Array) -> NoiseFloor:
    outside = np.abs(replayed - online) > envelope.abs + envelope.rel * np.abs(online)
    why = f"measured on {len(online):,} quiet rows"
    if not layer.is_identity:
        where = "on the logit" if layer.logit else "on the score"
        why += f", after online = {layer.offset:.6g} + {layer.scale:.6g} x replayed {where}"
    return NoiseFloor(
        envelope.abs,
        envelope.rel,
        layer.offset,
        layer.scale,
        layer.logit,
        float(outside.mean()),
        True,
        len(online),
        why,
    )


def _numeric(online: Array, replayed: Array, why: str) -> NoiseFloor:
    typical = float(np.median(np.abs(online))) if len(online) else 1.0
    floor = Envelope(NUMERIC_REL * typical, NUMERIC_REL)
    outside = np.abs(replayed - online) > floor.abs + floor.rel * np.abs(online)
    rate = float(outside.mean()) if len(online) else 0.0
    return NoiseFloor(floor.abs, floor.rel, 0.0, 1.0, False, rate, False, len(online), why)
