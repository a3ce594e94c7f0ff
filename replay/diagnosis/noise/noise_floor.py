"""How far replayed and online scores differ when nothing is wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from replay.config.sections.diff import Tolerance
from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.noise.calibration_layer import CalibrationLayer, find_calibration_layer, is_identity_held
from replay.diagnosis.noise.envelope import Envelope, fit_envelope
from replay.diagnosis.noise.operation import (
    ScoreOperation,
    apply_operations,
    find_operations,
    named_tolerance,
)
from replay.diagnosis.noise.operations.bounds import away_from_ends
from replay.diagnosis.noise.quiet import LEAST_ROWS, quiet_rows

Array = NDArray[np.float64]

_MOST_ROWS = 400_000
_CONCENTRATED = 0.01
_CEILING = 0.15
_NAMED_SHARE = 0.15
_BESIDE = 0.1  # of the rows within a named noise: so many may lie up to three times as far
_BESIDE_AT_MOST = 0.4  # the same where far more lie beyond that
_BESIDE_OF_BEYOND = 0.2


@dataclass(frozen=True)
class NoiseFloor:
    """The differences of quiet rows: ``|replayed - online| <= abs + rel * |online|`` for practically all.

    Attributes:
        abs: The part that does not depend on the score.
        rel: The part that grows with the online score.
        offset: Of the calibration layer, 0 without one.
        scale: Of the calibration layer, 1 without one.
        logit: Whether offset and scale are on the logit.
        operations: What was done to online's scores after that.
        mismatch_rate: Share of quiet rows outside of the floor: the background, such as features that are logged by a
            second request a moment later.
        concentrated: Whether quiet differences lie near 0. If not, all rows may be bad, and ``abs`` and ``rel`` are no
            measurement but what arithmetic and the operations leave open.
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
    operations: tuple[ScoreOperation, ...] = ()

    @property
    def tolerance(self) -> Tolerance:
        """The floor as a tolerance."""
        return Tolerance(abs=self.abs, rel=self.rel)

    @property
    def layer(self) -> CalibrationLayer:
        """The calibration layer; the identity without one."""
        return CalibrationLayer(self.offset, self.scale, self.logit)

    @property
    def is_plain(self) -> bool:
        """Whether scores are logged as the model answers them, up to noise."""
        return self.layer.is_identity and not self.operations

    def as_logged(self, scores: Array) -> Array:
        """What online would have logged for replayed scores: after the layer and the operations."""
        return apply_operations(self.operations, self.layer.apply(scores))

    def as_answered(self, scores: Array) -> Array:
        """The same, with the layer undone: to be held against online scores whose layer was undone."""
        return self.layer.undo(self.as_logged(scores))


def as_logged(rows: RowTable, noise: NoiseFloor) -> RowTable:
    """The rows with replayed scores as online would have logged them, so that only other differences remain."""
    return rows if noise.is_plain else replace(rows, replayed=noise.as_logged(rows.replayed))


def measure_noise(rows: RowTable) -> NoiseFloor:
    """Measure the noise floor where all is quiet.

    1. A calibration layer is looked for, away from what may be a floor or a cap. The identity has the privilege: where
       a fair part of the rows agrees with no layer, there is none, and what a layer would explain is an incident.
    2. Operations with a name are recognised: a narrow float type, decimals, bins, a floor, a cap. Replayed scores are
       held against online's after them.
    3. Quiet is the half of 200 blocks of equal rows with the smallest differences, so that an incident that covers up
       to 40% of the traffic is not in it; fewer where fewer are like the best.
    4. Where a fair part of the quiet rows is within what arithmetic and the operations leave open, and hardly any row
       a little beyond, that is the floor: the others are mismatches, however many. Else the bound comes from low
       quantiles of the differences, extrapolated to one row in a million, so that a background of a few percent of
       moved rows does not widen it.
    5. A bound over 15% of the spread of the scores is no noise floor, but says that the replay does not reproduce
       online: it is refused.

    Args:
        rows: Any order of magnitude of rows; at most 400,000, evenly spaced, are used.
    """
    indices = np.flatnonzero(rows.counts & np.isfinite(rows.online) & np.isfinite(rows.replayed))
    indices = indices[:: max(1, -(-len(indices) // _MOST_ROWS))]
    online, replayed = rows.online[indices], rows.replayed[indices]
    if len(indices) < LEAST_ROWS:
        return _refused((), online, replayed, "too few rows to measure noise")
    layer = _find_layer(online, replayed)
    replayed = layer.apply(replayed)
    operations = find_operations(online, replayed)
    replayed = apply_operations(operations, replayed)
    named = named_tolerance(operations, online)
    quiet = quiet_rows(np.abs(replayed - online), float(np.median(named.at(online))))
    online, replayed = online[quiet], replayed[quiet]
    away = np.abs(replayed - online)
    if _is_named(away / named.at(online)):
        return _floor(named, layer, operations, online, replayed)
    spread = _spread(online)
    allowed = float(np.median(named.at(online)))
    if float(np.median(away)) > _CONCENTRATED * spread + allowed:
        return _refused(operations, online, replayed, _not_reproduced(away, named, online, spread))
    envelope = fit_envelope(np.abs(replayed), away, _CONCENTRATED * spread)
    if float(np.median(envelope.at(online))) > _CEILING * spread + allowed:
        return _refused(operations, online, replayed, _not_reproduced(away, named, online, spread))
    return _floor(envelope, layer, operations, online, replayed)


def _find_layer(online: Array, replayed: Array) -> CalibrationLayer:
    """The layer that scores go through at all times; the identity where a fair part of the rows needs none."""
    inner = away_from_ends(online)
    online, replayed = online[inner], replayed[inner]
    if len(online) < LEAST_ROWS:
        return CalibrationLayer()
    layer = find_calibration_layer(replayed, online)
    for _ in range(2):
        quiet = quiet_rows(np.abs(layer.apply(replayed) - online), 0.0)
        layer = find_calibration_layer(replayed[quiet], online[quiet])
    if layer.is_identity:
        return layer
    named = named_tolerance(find_operations(online, layer.apply(replayed)), online)
    return CalibrationLayer() if is_identity_held(replayed, online, layer, named) else layer


def _is_named(severity: Array) -> bool:
    """Whether arithmetic and the operations explain a fair part of the rows, and hardly one is a little beyond them.

    Noise that is wider than they say lies mostly next to them. Where most of the other rows lie far beyond, these are
    no noise of one width but rows of another kind, of which some must lie next to them as well.
    """
    within, beside = float(np.mean(severity <= 1.0)), float(np.mean((severity > 1.0) & (severity <= 3.0)))
    beyond = 1.0 - within - beside
    most = max(_BESIDE * within, min(_BESIDE_AT_MOST * within, _BESIDE_OF_BEYOND * beyond))
    return within >= _NAMED_SHARE and beside <= most


def _spread(online: Array) -> float:
    low, high = np.quantile(online, [0.25, 0.75])
    return float(high - low) or float(np.abs(np.median(online))) or 1.0


def _floor(
    envelope: Envelope,
    layer: CalibrationLayer,
    operations: tuple[ScoreOperation, ...],
    online: Array,
    replayed: Array,
) -> NoiseFloor:
    outside = np.abs(replayed - online) > envelope.at(online)
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
        operations,
    )


def _refused(operations: tuple[ScoreOperation, ...], online: Array, replayed: Array, why: str) -> NoiseFloor:
    """What arithmetic and the operations give, where nothing could be measured."""
    floor = named_tolerance(operations, online)
    outside = np.abs(replayed - online) > floor.at(online)
    rate = float(outside.mean()) if len(online) else 0.0
    return NoiseFloor(floor.abs, floor.rel, 0.0, 1.0, False, rate, False, len(online), why, operations)


def _not_reproduced(away: Array, named: Envelope, online: Array, spread: float) -> str:
    """What was seen where no noise floor is credible."""
    differ = float(np.mean(away > named.at(online)))
    middle = float(np.median(away))
    return (
        f"the replay does not reproduce online at all: even where scores differ least, {differ:.1%} of the rows differ "
        f"by more than arithmetic explains, and half of all by {middle:.2g} or more, which is {middle / spread:.0%} of "
        "the spread of the scores"
    )
