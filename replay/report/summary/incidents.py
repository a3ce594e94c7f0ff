"""Incidents with their causes, and the noise floor that they stand out from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from replay.metrics.value import MetricValue
from replay.report.summary.json_safe import OPTIONAL, UtcTime


@dataclass(frozen=True)
class NoiseFloorSummary:
    """How far replayed and online scores differ with no incident."""

    abs: float
    """The part that does not depend on the score."""
    rel: float
    """The part that grows with the online score."""
    mismatch_rate: float | None = None
    """Share of quiet rows outside of the floor: the background, such as features that are logged by a second request a
    moment later."""
    transform: str | None = field(default=None, metadata=OPTIONAL)
    """A layer between the replayed and the online score, in words, such as a constant offset of the logit."""


@dataclass(frozen=True)
class Cause:
    """A hypothesis that was tested on the mismatched rows of an incident."""

    kind: str
    """`null_features`, `stale_features`, `checkpoint`, `route`, `splice`, `precision`, `scale`, `constant`, `swap`,
    `affine` or `unexplained`."""
    explained_rate: float | None
    """Share of the incident's mismatched rows that it changes and brings within tolerance."""
    rows_tested: int
    """Mismatched rows that it was replayed on; for `unexplained`, those that were searched."""
    families: tuple[str, ...] | None = field(default=None, metadata=OPTIONAL)
    """Families of which every feature is affected."""
    features: tuple[str, ...] | None = field(default=None, metadata=OPTIONAL)
    """Affected features outside of these families."""
    checkpoint: str | None = field(default=None, metadata=OPTIONAL)
    """Who answered, or whose features were affected."""
    checkpoints: Mapping[str, str] | None = field(default=None, metadata=OPTIONAL)
    """For `splice`: checkpoint by glob over parameter names."""
    lag_seconds: float | None = field(default=None, metadata=OPTIONAL)
    """For `stale_features`: how much older than the row its values are, at least."""
    parameters: Mapping[str, str | float] | None = field(default=None, metadata=OPTIONAL)
    """What else says what was done: `factor`, `value`, `dtype`, ..."""
    explained_low: float | None = field(default=None, metadata=OPTIONAL)
    """Lower end of the 95% interval (Wilson) of `explained_rate`."""
    explained_high: float | None = field(default=None, metadata=OPTIONAL)
    """Upper end of the 95% interval (Wilson) of `explained_rate`."""
    control_rate: float | None = field(default=None, metadata=OPTIONAL)
    """Share of good rows that it would bring out of tolerance, had it happened to them: near 1 it would have shown
    wherever it struck; near 0 most rows cannot tell. None where it was not tried on them."""
    share: float | None = field(default=None, metadata=OPTIONAL)
    """Share of the incident's mismatched rows that are put down to it: those that it explains and no cause found before
    it does. For `unexplained`, what no cause explains."""
    equivalent: tuple[str, ...] = ()
    """Other hypotheses that the data cannot tell from it, the simplest first, in words."""
    text: str | None = field(default=None, metadata=OPTIONAL)
    """The evidence in one or two sentences."""
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
    """Time of the first affected row."""
    end: UtcTime
    """One microsecond past the time of the last affected row."""
    rows: int
    """Compared rows of the slice within the time."""
    mismatched: int
    """Those beyond the tolerance."""
    mismatch_rate: float | None
    """Their share."""
    segments: Mapping[str, str]
    """Who is affected; empty for all traffic."""
    causes: tuple[Cause, ...] = ()
    """Best first; only `unexplained` where there is no evidence."""
    ruled_out: tuple[Cause, ...] = ()
    """What was tried and excluded: the best attempt of each family, checkpoint, cast and splice."""
    kind: Literal["mismatch", "shift"] = "mismatch"
    """`mismatch`; or `shift`: a systematic difference within the tolerance."""
    mean_delta: float | None = None
    """Mean of replayed - online over the rows with two finite scores; 0 where there is none."""
    p_value: float | None = None
    """Bound on the chance of such a window anywhere, in any slice, in a run without incidents."""
    permanent: bool = False
    """Whether it lasts to the end of the traffic."""
    gradual: bool = False
    """Whether it came step by step."""
    loss: Mapping[str, MetricValue] = field(default_factory=dict)
    """What online scores lost against the replayed ones inside: `ne_increase` and `calibration_shift` are online -
    replayed, `auc_drop` is replayed - online."""
    examples: tuple[IncidentRow, ...] = ()
    """Sampled mismatched rows whose scores are furthest apart."""
    hypotheses: int = 0
    """Hypotheses that were tried."""
    rows_scored: int = 0
    """Rows scored in the search."""
