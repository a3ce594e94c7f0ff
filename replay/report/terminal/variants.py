"""The table of variants in a terminal: how far each is from online, and what it changes against the baseline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from rich.table import Table
from rich.text import Text

from replay.errors.printable import printable
from replay.metrics.metric import losses
from replay.report.summary import Comparison, Summary, VariantSummary
from replay.report.words.losses import LOSSES, METRIC_LABELS
from replay.report.words.numbers import count, number, percent, signed
from replay.report.words.variants import instabilities, variants_by_harm

VARIANTS_SHOWN = 12
WIDE = 96
"""Columns from which there is room for the mean size of the difference."""
_UNSTABLE_SHOWN = 3


@dataclass(frozen=True)
class _Column:
    title: str
    cell: Callable[[VariantSummary], str]


def variants_table(summary: Summary, first: str, width: int) -> tuple[Table, int]:
    """Lay out the variants.

    Args:
        summary: Of the run.
        first: The variant that comes first.
        width: Columns of the terminal.

    Returns:
        The table, and how many variants it leaves out.
    """
    metric = next(
        (name for name in METRIC_LABELS if any(name in entry.metrics for entry in summary.variants.values())), None
    )
    names = _in_order(summary, first)
    left_out = len(summary.variants) - len(names[:VARIANTS_SHOWN])
    summary = replace(summary, variants={name: summary.variants[name] for name in names})
    columns = [*_online_columns(summary, wide=width >= WIDE), *_baseline_columns(summary)]
    if metric is not None:
        columns.append(_Column(METRIC_LABELS[metric], lambda entry: _metric(entry, metric)))
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("variant", overflow="fold")
    for column in columns:
        table.add_column(column.title, justify="right", no_wrap=True)
    if metric is not None and summary.online_metrics:
        online = summary.online_metrics.get(metric)
        cells = ["online", *[""] * (len(columns) - 1), number(online.value if online else None)]
        table.add_row(*(Text(cell) for cell in cells), style="dim")
    for name in names[:VARIANTS_SHOWN]:
        cells = [printable(name), *(column.cell(summary.variants[name]) for column in columns)]
        table.add_row(*(Text(cell) for cell in cells))
    return table, left_out


def unstable_lines(summary: Summary) -> Iterator[str]:
    """A line for each of the variants with scores that no healthy model gives, the worst first."""
    baseline = summary.variants.get(summary.baseline)
    if baseline is None:
        return
    found = {name: instabilities(variant, baseline) for name, variant in summary.variants.items()}
    unstable = [(name, words) for name, words in found.items() if words]
    faults = {name: summary.variants[name].stability for name, _ in unstable}
    unstable.sort(key=lambda entry: (-faults[entry[0]].non_finite, -faults[entry[0]].saturated))
    for name, words in unstable[:_UNSTABLE_SHOWN]:
        yield f"{name}: {', '.join(words)}"
    if len(unstable) > _UNSTABLE_SHOWN:
        yield f"and {len(unstable) - _UNSTABLE_SHOWN} more variants"


def _online_columns(summary: Summary, *, wide: bool) -> list[_Column]:
    """Fewer of them where the table has columns against the baseline too."""

    def of(render: Callable[[Comparison], str]) -> Callable[[VariantSummary], str]:
        return lambda entry: number(None) if entry.vs_online is None else render(entry.vs_online)

    mean = [_Column("mean |d|", of(lambda online: number(online.mean_abs, 3)))] if wide else []
    if _baseline_columns(summary):
        return [
            _Column("off online", of(lambda online: percent(online.mismatch_rate))),
            *mean,
            _Column("p99 |d|", of(lambda online: number(online.p99_abs, 3))),
        ]
    return [
        _Column("mismatched", of(lambda online: count(online.mismatched))),
        _Column("rate", of(lambda online: percent(online.mismatch_rate))),
        *mean,
        _Column("p99 |d|", of(lambda online: number(online.p99_abs, 3))),
        _Column("max |d|", of(lambda online: number(online.max_abs, 3))),
        _Column("mean d", of(lambda online: signed(online.mean_delta, 3))),
    ]


def _baseline_columns(summary: Summary) -> list[_Column]:
    compared = [entry.vs_baseline for entry in summary.variants.values() if entry.vs_baseline is not None]
    if not compared:
        return []

    def of(render: Callable[[Comparison], str]) -> Callable[[VariantSummary], str]:
        return lambda entry: "" if entry.vs_baseline is None else render(entry.vs_baseline)

    columns = [_Column("off baseline", of(lambda against: percent(against.mismatch_rate)))]
    loss = next(
        (name for name in losses() if any(against.change(name).value is not None for against in compared)), None
    )
    if loss is not None:
        return [*columns, _Column(LOSSES[loss], of(lambda against: signed(against.change(loss).value, 3)))]
    return [*columns, _Column("base |d|", of(lambda against: number(against.mean_abs, 3)))]


def _in_order(summary: Summary, first: str) -> list[str]:
    """The baseline, then those that change most; those of the skew matrix, families and audits have their own lines."""
    elsewhere = {entry.variant for entry in summary.sensitivity}.union(
        *(audit.variants for audit in (summary.audits or {}).values())
    )
    if summary.skew_matrix is not None:
        elsewhere |= {cell.variant for cell in summary.skew_matrix.cells if cell.lag}
    ranked = variants_by_harm(summary)
    order = dict.fromkeys([first, *ranked, *summary.variants])
    return [name for name in order if name in summary.variants and (name == first or name not in elsewhere)]


def _metric(entry: VariantSummary, metric: str) -> str:
    value = entry.metrics.get(metric)
    return number(value.value if value else None)
