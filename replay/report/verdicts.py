"""What was judged: incidents with their causes, and gates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from replay.metrics.value import MetricValue
from replay.report.plain import OPTIONAL, UtcTime


@dataclass(frozen=True)
class NoiseFloor:
    """How far replayed and online scores differ with no incident."""

    abs: float
    """The part of the distance that does not depend on the score."""
    rel: float
    """The part that grows with the online score."""
    mismatch_rate: float | None = None
    """Share of rows that are beyond the tolerance at all times, as when features are logged after scoring."""
    transform: str | None = field(default=None, metadata=OPTIONAL)
    """A layer between the replayed and the online score, in words, such as a constant offset of the logit."""


@dataclass(frozen=True)
class Cause:
    """A hypothesis that was tested on the mismatched rows of an incident."""

    kind: str
    explained_rate: float | None
    """Share of the incident's mismatched rows that the counterfactual brings within tolerance."""
    rows_tested: int
    families: tuple[str, ...] | None = field(default=None, metadata=OPTIONAL)
    features: tuple[str, ...] | None = field(default=None, metadata=OPTIONAL)
    checkpoint: str | None = field(default=None, metadata=OPTIONAL)
    checkpoints: Mapping[str, str] | None = field(default=None, metadata=OPTIONAL)
    """Checkpoint by module, where parameters of several were in one model."""
    lag_seconds: float | None = field(default=None, metadata=OPTIONAL)
    parameters: Mapping[str, str | float] | None = field(default=None, metadata=OPTIONAL)
    """What else says what was done: `factor`, `value`, `dtype`, ..."""
    explained_low: float | None = field(default=None, metadata=OPTIONAL)
    """Lower end of the 95% interval of `explained_rate`."""
    explained_high: float | None = field(default=None, metadata=OPTIONAL)
    control_rate: float | None = field(default=None, metadata=OPTIONAL)
    """Share of good rows that the same counterfactual leaves, or moves to, within tolerance by chance."""
    share: float | None = field(default=None, metadata=OPTIONAL)
    """Share of the incident's mismatched rows that this cause, and none before it, explains."""
    equivalent: tuple[str, ...] = ()
    """Other explanations that these rows cannot tell from this one, in words."""
    text: str | None = field(default=None, metadata=OPTIONAL)
    """The cause in a sentence."""
    loss: Mapping[str, float | None] | None = field(default=None, metadata=OPTIONAL)
    """Share of the incident's loss, by metric (ne, auc, calibration), that goes when this cause alone is repaired."""
    command: str | None = field(default=None, metadata=OPTIONAL)
    """The command that verifies the cause as a scenario over the full window."""


@dataclass(frozen=True)
class IncidentRow:
    """A row of an incident, to look at."""

    key: Mapping[str, Any]
    time: UtcTime | None
    online: float | None
    replayed: float | None
    command: str
    """The ``replay row ...`` command that shows the row end to end."""


@dataclass(frozen=True)
class Incident:
    """A time range, and perhaps a slice, where online and replayed scores part."""

    start: UtcTime
    end: UtcTime
    rows: int
    mismatched: int
    mismatch_rate: float | None
    segments: Mapping[str, str]
    causes: tuple[Cause, ...] = ()
    ruled_out: tuple[Cause, ...] = ()
    kind: Literal["mismatch", "shift"] = "mismatch"
    """Rows beyond the tolerance, or a systematic shift that is smaller than the tolerance."""
    mean_delta: float | None = None
    """Mean of replayed - online over the incident's rows."""
    p_value: float | None = None
    """Chance that a clean run shows as much anywhere."""
    permanent: bool = False
    """It lasts to the end of the window."""
    gradual: bool = False
    """The share of mismatched rows rises."""
    loss: Mapping[str, MetricValue] = field(default_factory=dict)
    """Quality of the online scores less that of the replayed ones inside: ne_increase, auc_drop, calibration_shift."""
    examples: tuple[IncidentRow, ...] = ()
    hypotheses: int = 0
    """Hypotheses that were tried."""
    rows_scored: int = 0
    """Rows that the search scored."""


@dataclass(frozen=True)
class GateVerdict:
    """A gate of the config, judged. Bounds are inclusive."""

    variant: str
    against: Literal["online", "baseline"] | None
    metric: str
    value: float | None
    verdict: Literal["passed", "failed", "undecided"]
    min: float | None = field(default=None, metadata=OPTIONAL)
    max: float | None = field(default=None, metadata=OPTIONAL)
    reason: str | None = field(default=None, metadata=OPTIONAL)
    """Why it is undecided."""
    slice: str | None = field(default=None, metadata=OPTIONAL)
    """The slice that it is about; None for all rows."""
    bound: Literal["low", "high"] | None = field(default=None, metadata=OPTIONAL)
    """The bound of the metric's 95% interval that was judged, instead of its value."""
    low: float | None = field(default=None, metadata=OPTIONAL)
    high: float | None = field(default=None, metadata=OPTIONAL)
    rows: int | None = field(default=None, metadata=OPTIONAL)
    """Rows that the metric is of."""
