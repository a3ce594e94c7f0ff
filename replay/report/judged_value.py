"""Whether a measured value keeps to the bounds of a gate, whatever the gate is about."""

from __future__ import annotations

from math import isfinite
from typing import Literal

from replay.config import AnyGate, AuditGate
from replay.metrics.value import MetricValue

Verdict = Literal["passed", "failed", "undecided"]


def value_of(gate: AnyGate, measured: MetricValue) -> float | None:
    """The value, or the end of its interval, that a gate is about."""
    value: float | None = measured.value if gate.bound is None else getattr(measured, gate.bound)
    return value


def judge_value(gate: AnyGate, measured: MetricValue) -> tuple[Verdict, str | None]:
    """The verdict, and why there is none: what cannot be judged is undecided, never passed."""
    value = value_of(gate, measured)
    reason = _why_undecided(gate, measured, value)
    if reason is not None or value is None:
        return "undecided", reason
    too_high = gate.max is not None and value > gate.max
    too_low = gate.min is not None and value < gate.min
    return ("failed" if too_high or too_low else "passed"), None


def _why_undecided(gate: AnyGate, measured: MetricValue, value: float | None) -> str | None:
    if gate.min_rows is not None and measured.rows < gate.min_rows:
        return f"of {measured.rows:,} rows, and the gate wants {gate.min_rows:,}"
    if measured.value is None:
        return measured.reason or "not defined"
    positives = measured.positives
    if not isinstance(gate, AuditGate) and positives is not None and positives < gate.min_positives:
        return f"of {positives:,} positives, and the gate wants {gate.min_positives:,}"
    if gate.bound is not None and value is None:
        return f"it has no {gate.bound} bound" + (
            f": {measured.reason.removeprefix('no interval: ')}" if measured.reason else ""
        )
    return None if value is not None and isfinite(value) else "it is not a finite number"
