"""One variant as data: how it compares, how stable it is, how good it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from pydantic import model_validator

from replay.metrics.metric import changed_metrics
from replay.metrics.order import RankChange
from replay.metrics.value import MetricValue
from replay.report.summary.json_safe import OPTIONAL, UNDEFINED
from replay.report.summary.metric_record import MetricRecord


@dataclass(frozen=True)
class Comparison(MetricRecord):
    """Replayed scores against a reference: the online scores, or the baseline's.

    ``delta = replayed - reference``. A row is `compared` where both sides have a score, and mismatched where
    ``|delta|`` exceeds the tolerance or a side is NaN. A statistic that is not defined is None, with its reason.

    >>> Comparison(0, 0, None, None, None, None, None, float("nan"), None).reasons
    {'mean_delta': 'it is not a finite number'}
    """

    compared: int
    mismatched: int
    mismatch_rate: float | None
    mean_abs: float | None
    p50_abs: float | None
    p99_abs: float | None
    max_abs: float | None
    mean_delta: float | None
    correlation: float | None
    p1_delta: float | None = None
    """Quantile of the signed delta, within 0.4% of it; so for ``p50_delta`` and ``p99_delta``."""
    p50_delta: float | None = None
    p99_delta: float | None = None
    rows_changed: int = 0
    """Compared rows whose two scores are not equal, however little they differ; two NaNs count as equal."""
    mismatch_rate_low: float | None = None
    """Lower end of the 95% interval; so for the other ``_low`` and ``_high``."""
    mismatch_rate_high: float | None = None
    mean_delta_low: float | None = None
    """Lower end of the 95% interval of the mean difference from online; None against the baseline."""
    mean_delta_high: float | None = None
    missing_reference: int = 0
    """Rows that only the replay scored."""
    missing_replayed: int = 0
    """Rows that only the reference scored."""
    missing_both: int = 0
    non_finite_reference: int = 0
    """Compared rows whose reference is NaN or infinite."""
    non_finite_replayed: int = 0
    nan_both: int = 0
    measures: Mapping[str, float | None] = field(default_factory=dict, metadata=OPTIONAL)
    """Changes of quality, each with ``_low`` and ``_high``; only against the baseline, and where there is a label."""
    rank: RankChange | None = field(default=None, metadata=OPTIONAL)
    """Change of the order within groups; against the baseline (of the baseline, against online), where there is a group
    and more than one variant."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Why a statistic is null, by its name."""

    def __post_init__(self) -> None:
        reasons = dict(self.reasons)
        for entry in fields(self):
            value = getattr(self, entry.name)
            if isinstance(value, float) and not math.isfinite(value):
                object.__setattr__(self, entry.name, None)
                reasons.setdefault(entry.name, UNDEFINED)
        for name, value in self.measures.items():
            if value is not None and not math.isfinite(value):
                object.__setattr__(self, "measures", {**self.measures, name: None})
                reasons.setdefault(name, UNDEFINED)
        object.__setattr__(self, "reasons", reasons)

    @model_validator(mode="before")
    @classmethod
    def _gathered(cls, data: Any) -> Any:
        return cls.gather(data)

    @classmethod
    def measured_names(cls) -> dict[str, str | None]:
        """See ``MetricRecord.measured_names``."""
        names: dict[str, str | None] = {}
        for name, metric in changed_metrics().items():
            names[name] = metric.change_text("variant", "baseline")
            names |= {f"{name}_low": None, f"{name}_high": None}
        return names

    def change(self, name: str) -> MetricValue:
        """A change of quality against the baseline, by its name."""
        value, low, high = (self.measures.get(f"{name}{end}") for end in ("", "_low", "_high"))
        reason = self.reasons.get(name if value is None else f"{name}_low")
        return MetricValue(value, low, high, self.compared, reason)

    @property
    def missing(self) -> int:
        """Rows that could not be compared, since a side has no score."""
        return self.missing_reference + self.missing_replayed + self.missing_both


@dataclass(frozen=True)
class Stability:
    """Scores that no healthy model gives."""

    non_finite: int = 0
    """Scores that are NaN or infinite."""
    saturated: int = 0
    """Probabilities within 1e-6 of 0 or 1."""
    out_of_range: int = 0
    """Finite scores outside of what the baseline's clean scores span."""
    largest_logit: float | None = None
    """Largest |log(p / (1 - p))| of the scores strictly inside (0, 1); null where some score is no probability."""


@dataclass(frozen=True)
class VariantSummary:
    """A checkpoint, or a checkpoint under a scenario."""

    checkpoint: str
    scenario: str | None
    rows: int
    """Rows that have a score, the inherited ones included."""
    rows_scored: int
    """Rows that were scored for this variant; a scenario inherits the rest from its checkpoint."""
    vs_online: Comparison | None
    vs_baseline: Comparison | None
    """None for the baseline itself."""
    stability: Stability
    metrics: Mapping[str, MetricValue]
    """Quality against the label by name (auc, ne, ...); empty without a label."""
