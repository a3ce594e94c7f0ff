"""Values held against the bounds of gates of either kind."""

from __future__ import annotations

import math
from typing import Any

import pytest

from replay.config import AuditGate, Gate
from replay.metrics.value import MetricValue
from replay.report.judged_value import judge_value, value_of

KINDS: list[tuple[type[Gate] | type[AuditGate], dict[str, Any]]] = [
    (Gate, {"variant": "prod", "against": "online", "metric": "mismatch_rate"}),
    (AuditGate, {"audit": "logging", "metric": "cost_ne_increase"}),
]


@pytest.mark.parametrize(("kind", "about"), KINDS)
@pytest.mark.parametrize(
    ("bounds", "value", "verdict"),
    [
        ({"max": 0.5}, (0.5, None, None), ("passed", None)),
        ({"max": 0.5}, (0.6, None, None), ("failed", None)),
        ({"min": 0.5}, (0.4, None, None), ("failed", None)),
        ({"max": 0.5, "bound": "high"}, (0.4, 0.3, 0.6), ("failed", None)),
        ({"max": 0.5, "bound": "high"}, (0.4, None, None), ("undecided", "it has no high bound")),
        ({"max": 0.5, "min_rows": 101}, (0.4, None, None), ("undecided", "of 100 rows, and the gate wants 101")),
        ({"max": 0.5}, (None, None, None), ("undecided", "not defined")),
        ({"max": 0.5}, (math.inf, None, None), ("undecided", "it is not a finite number")),
    ],
)
def test_what_cannot_be_judged_is_undecided(
    kind: type[Any],
    about: dict[str, Any],
    bounds: dict[str, Any],
    value: tuple[float | None, float | None, float | None],
    verdict: tuple[str, str | None],
) -> None:
    gate, measured = kind(**about, **bounds), MetricValue(*value, 100)
    assert judge_value(gate, measured) == verdict
    assert value_of(gate, measured) == value[2 if "bound" in bounds else 0]
