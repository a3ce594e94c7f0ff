"""What was judged: incidents with their causes, and gates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from replay.report.plain import OPTIONAL, UtcTime


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
    lag_seconds: float | None = field(default=None, metadata=OPTIONAL)


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
