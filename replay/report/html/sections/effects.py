"""What each variant changes against the baseline: drift, quality, order, stability. What matters most is on top."""

from __future__ import annotations

from dataclasses import dataclass

from replay.metrics.metric import losses
from replay.metrics.rank import GroupMean, RankChange
from replay.metrics.value import MetricValue
from replay.report.charts.intervals import IntervalCell, interval_cell, shared_scale
from replay.report.summary import Summary, VariantSummary
from replay.report.words.losses import LOSSES
from replay.report.words.numbers import MISSING, confidence, number
from replay.report.words.variants import variants_by_harm

EFFECTS_SHOWN = 20
"""Variants that are shown without asking for more."""


@dataclass(frozen=True)
class EffectLine:
    """A variant's line."""

    checkpoint: str
    """The name up to the slash; empty where it is a checkpoint's own."""
    name: str
    """The name, or what comes after the slash: the scenario, with the dose where it has one."""
    variant: VariantSummary
    quality: tuple[IntervalCell, ...]
    order: tuple[tuple[str, str], ...]
    """Kendall's tau and the share of the top k that stays, each with its interval."""


@dataclass(frozen=True)
class EffectTable:
    """The table of effects."""

    quality: tuple[str, ...]
    order: tuple[str, ...]
    lines: tuple[EffectLine, ...]
    more: tuple[EffectLine, ...]
    """Variants beyond `EFFECTS_SHOWN`."""


def effect_table(summary: Summary) -> EffectTable | None:
    """Lay out what variants change; None where there is nothing beside the baseline."""
    compared = {name: variant.vs_baseline for name, variant in summary.variants.items() if variant.vs_baseline}
    if not compared:
        return None
    metrics = [name for name in losses() if any(entry.change(name).value is not None for entry in compared.values())]
    scales = {name: shared_scale([*(entry.change(name) for entry in compared.values()), _NONE]) for name in metrics}
    ranks = [entry.rank for entry in compared.values() if entry.rank is not None]
    top = next((k for rank in ranks for k in rank.top_k), None)
    order = ("Kendall tau", *([f"Top {top} kept"] if top else [])) if ranks else ()

    def line(name: str) -> EffectLine:
        variant, entry = summary.variants[name], compared.get(name)
        own_name = _own_name(name, variant)
        return EffectLine(
            checkpoint=name.removesuffix(own_name),
            name=own_name,
            variant=variant,
            quality=tuple(
                interval_cell(entry.change(metric) if entry else None, scales[metric], reference=0.0, digits=3)
                for metric in metrics
            ),
            order=_order(entry.rank if entry else None, top) if order else (),
        )

    lines = [line(name) for name in variants_by_harm(summary)]
    return EffectTable(
        quality=tuple(LOSSES[name] for name in metrics),
        order=order,
        lines=tuple(lines[:EFFECTS_SHOWN]),
        more=tuple(lines[EFFECTS_SHOWN:]),
    )


def _own_name(name: str, variant: VariantSummary) -> str:
    return name.removeprefix(f"{variant.checkpoint}/") if variant.scenario is not None else name


_NONE = MetricValue(0.0, None, None, 0)
"""No change: every scale shows it."""


def _order(rank: RankChange | None, top: str | None) -> tuple[tuple[str, str], ...]:
    if rank is None:
        return ((MISSING, ""),) * (1 if top is None else 2)
    means = (rank.kendall_tau,) if top is None else (rank.kendall_tau, rank.top_k.get(top))
    return tuple((MISSING, "") if mean is None else _mean(mean) for mean in means)


def _mean(mean: GroupMean) -> tuple[str, str]:
    return number(mean.value, 3), confidence(mean.low, mean.high, mean.reason)
