"""A gate of the config, judged."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from replay.report.summary.json_safe import OPTIONAL


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
    positives: int | None = field(default=None, metadata=OPTIONAL)
    """Of a metric of labels, the positives among them; with weights, the effective number."""
    audit: str | None = field(default=None, metadata=OPTIONAL)
    """The audit that it is on, where it is not on a variant."""
    features: tuple[str, ...] | None = field(default=None, metadata=OPTIONAL)
    """The features of the audit that it is about; None for all."""
