"""What each variant changes against the baseline: drift, quality, order, stability. What matters most is on top."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from replay.metrics.metric import losses
from replay.metrics.order import OrderMetric, RankChange
from replay.metrics.value import MetricValue
from replay.report.charts.intervals import IntervalCell, interval_cell, shared_scale
from replay.report.html.sections.order import mean_cell
from replay.report.summary import Summary, VariantSummary
from replay.report.words.losses import LOSSES
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
    orders = _order_metrics(ranks)

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
            order=_order(entry.rank if entry else None, orders),
        )

    lines = [line(name) for name in variants_by_harm(summary)]
    return EffectTable(
        quality=tuple(LOSSES[name] for name in metrics),
        order=tuple(_title(metric.label(k)) for metric, k in orders.items()),
        lines=tuple(lines[:EFFECTS_SHOWN]),
        more=tuple(lines[EFFECTS_SHOWN:]),
    )


def _own_name(name: str, variant: VariantSummary) -> str:
    return name.removeprefix(f"{variant.checkpoint}/") if variant.scenario is not None else name


_NONE = MetricValue(0.0, None, None, 0)
"""No change: every scale shows it."""


def _order_metrics(ranks: Sequence[RankChange]) -> dict[type[OrderMetric], str]:
    """The metrics of order that need no label, each with the k that is shown: the first."""
    shown: dict[type[OrderMetric], str] = {}
    for rank in ranks:
        for metric, k, _ in rank.means():
            if not metric.labelled:
                shown.setdefault(metric, k)
    return shown


def _title(label: str) -> str:
    return label[:1].upper() + label[1:]


def _order(rank: RankChange | None, shown: Mapping[type[OrderMetric], str]) -> tuple[tuple[str, str], ...]:
    means = {} if rank is None else {(metric, k): mean for metric, k, mean in rank.means()}
    return tuple(mean_cell(means.get(column)) for column in shown.items())
