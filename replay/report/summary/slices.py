"""What the slices showed, as data: how many were looked at, and which differ from the rest."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SliceFinding:
    """A slice that differs from the rest."""

    variant: str
    slice: str
    metric: str
    value: float
    rest: float
    """The same of the segment's other values (a mismatch rate), or of all rows (quality)."""
    rows: int
    p_value: float
    """Of this comparison alone; which of all are told, the false discovery rate says."""


@dataclass(frozen=True)
class SlicesSummary:
    """All slices that were looked at, and those that differ from the rest."""

    slices: int
    """Values of all segments."""
    variants: int
    comparisons: int
    """Slices, variants and metrics that have an interval."""
    false_discovery_rate: float
    """The share of ``different`` that may be chance."""
    different: tuple[SliceFinding, ...] = ()
    """By p value, the least first."""
