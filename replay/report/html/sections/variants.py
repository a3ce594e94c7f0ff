"""The table of variants: how far each is from online."""

from __future__ import annotations

import math
from dataclasses import dataclass

from replay.report.charts.geometry import Tick
from replay.report.summary import Comparison, Summary, VariantSummary
from replay.report.words.numbers import number
from replay.report.words.variants import mean_sentence

VARIANTS_SHOWN = 16
"""Variants that are shown without asking for more."""


@dataclass(frozen=True)
class Magnitudes:
    """|delta| on a logarithmic axis (shares of its width): median, 99th percentile, largest."""

    p50: float | None
    p99: float | None
    most: float | None
    title: str


@dataclass(frozen=True)
class VariantLine:
    """A variant's line of the table of variants."""

    name: str
    variant: VariantSummary
    online: Comparison
    """Against online; without any number where it was not compared."""
    magnitudes: Magnitudes | None


@dataclass(frozen=True)
class VariantTable:
    """The table of variants, and the axis that its distances are drawn on."""

    lines: tuple[VariantLine, ...]
    more: tuple[VariantLine, ...]
    """Variants beyond `VARIANTS_SHOWN`."""
    ticks: tuple[Tick, ...]
    tolerance: float | None
    missing: bool
    stability: bool
    """Whether to show unstable scores: only where there is no table of effects, which shows them too."""
    mean: str
    """Whether rows of the baseline that differ from online move the mean score."""


def variant_table(summary: Summary) -> VariantTable:
    """Lay out the table of variants."""
    axis, baseline = _magnitude_axis(summary), summary.variants.get(summary.baseline)
    tolerance = summary.tolerance.abs if summary.tolerance else None
    lines = [_variant_line(name, summary.variants[name], axis) for name in _in_order(summary)]
    return VariantTable(
        lines=tuple(lines[:VARIANTS_SHOWN]),
        more=tuple(lines[VARIANTS_SHOWN:]),
        ticks=_decades(axis),
        tolerance=_log_share(tolerance, axis) if tolerance else None,
        missing=any(variant.vs_online and variant.vs_online.missing for variant in summary.variants.values()),
        stability=not any(variant.vs_baseline for variant in summary.variants.values()),
        mean=mean_sentence(None if baseline is None else baseline.vs_online),
    )


def _in_order(summary: Summary) -> list[str]:
    """The baseline, the other checkpoints as the config has them, then the scenarios, furthest from online first."""

    def rank(name: str) -> tuple[bool, bool, float]:
        variant = summary.variants[name]
        rate = variant.vs_online.mismatch_rate if variant.vs_online and variant.scenario is not None else None
        return (name != summary.baseline, variant.scenario is not None, -(rate or 0.0))

    return sorted(summary.variants, key=rank)


def _variant_line(name: str, variant: VariantSummary, axis: tuple[int, int]) -> VariantLine:
    online = variant.vs_online
    return VariantLine(name, variant, online or _NOT_COMPARED, _magnitudes(online, axis) if online else None)


_NOT_COMPARED = Comparison(0, 0, None, None, None, None, None, None, None)


def correlation(value: float | None) -> str:
    """Render a correlation in four digits, and as 1 only where it is 1.

    >>> correlation(0.99999), correlation(1.0), correlation(0.98765)
    ('>0.9999', '1', '0.9877')
    """
    return ">0.9999" if value is not None and 0.99995 <= value < 1 else number(value)


def _magnitude_axis(summary: Summary) -> tuple[int, int]:
    """Decades that hold every distance and the tolerance."""
    compared = [variant.vs_online for variant in summary.variants.values() if variant.vs_online]
    sizes = [size for entry in compared for size in (entry.p50_abs, entry.p99_abs, entry.max_abs) if size]
    if summary.tolerance and summary.tolerance.abs:
        sizes.append(summary.tolerance.abs)
    if not sizes:
        return -8, 0
    low, high = math.floor(math.log10(min(sizes))), math.ceil(math.log10(max(sizes)))
    return max(low, high - 12), max(high, low + 1)


def _decades(axis: tuple[int, int]) -> tuple[Tick, ...]:
    low, high = axis
    step = max(1, math.ceil((high - low) / 4))
    return tuple(Tick((power - low) / (high - low), number(10.0**power)) for power in range(low, high + 1, step))


def _log_share(size: float | None, axis: tuple[int, int]) -> float | None:
    """Where a distance lies; zero is at the left edge."""
    if size is None:
        return None
    low, high = axis
    return min(max((math.log10(size) - low) / (high - low), 0.0), 1.0) if size > 0 else 0.0


def _magnitudes(online: Comparison, axis: tuple[int, int]) -> Magnitudes:
    sizes = (online.p50_abs, online.p99_abs, online.max_abs)
    names = ("median", "99th percentile", "largest")
    title = ", ".join(f"{name} {number(size, 3)}" for name, size in zip(names, sizes, strict=True))
    p50, p99, most = (_log_share(size, axis) for size in sizes)
    return Magnitudes(p50, p99, most, title)
