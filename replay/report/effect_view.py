"""Skew matrix, sensitivity and dose-response as the page shows them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from replay.report.effects import SkewCell, SkewMatrix
from replay.report.numerals import number, percent
from replay.report.summary import Summary
from replay.report.variant import VariantSummary

LOSSES = {
    "auc_drop": "AUC drop",
    "ne_increase": "NE increase",
    "mean_abs": "mean |difference|",
    "mismatch_rate": "share beyond tolerance",
}
_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_LAG = re.compile(r"^(\d+(?:\.\d+)?)(ms|s|min|h|d)$")
_LEAST_DOSES = 3


@dataclass(frozen=True)
class MatrixCell:
    """A pairing; ``heat`` is its loss as a share of the largest."""

    text: str
    title: str
    heat: float
    consistent: bool


@dataclass(frozen=True)
class MatrixView:
    """A skew matrix of two modules as a table; of more, a list of pairings."""

    loss: str
    verdict: str
    rows_are: str
    columns_are: str
    columns: tuple[str, ...]
    lines: tuple[tuple[str, tuple[MatrixCell, ...]], ...]
    by_lag: tuple[tuple[str, str, str], ...]


def matrix_view(found: SkewMatrix) -> MatrixView:
    """Lay out a skew matrix."""
    sizes = [_loss(cell, found.metric) or 0.0 for cell in found.cells]
    largest = max([*sizes, 0.0]) or 1.0
    modules = list(found.modules)
    by_versions = {tuple(cell.modules.values()): cell for cell in found.cells}
    if len(modules) == 2:
        columns = tuple(found.modules[modules[1]])
        lines = tuple(
            (row, tuple(_cell(by_versions[row, column], found.metric, largest) for column in columns))
            for row in found.modules[modules[0]]
        )
    else:
        columns = (LOSSES[found.metric],)
        lines = tuple(
            (
                " + ".join(f"{name} {version}" for name, version in cell.modules.items()),
                (_cell(cell, found.metric, largest),),
            )
            for cell in found.cells
        )
    return MatrixView(
        loss=LOSSES[found.metric],
        verdict=matrix_sentence(found),
        rows_are=modules[0] if len(modules) == 2 else "pairing",
        columns_are=modules[1] if len(modules) == 2 else "",
        columns=columns,
        lines=lines,
        by_lag=tuple((str(entry.lag), number(entry.loss), entry.variant) for entry in found.losses),
    )


def matrix_sentence(found: SkewMatrix) -> str:
    """Say up to what lag the limit holds; or, without a limit, the worst pairing."""
    loss = LOSSES[found.metric]
    if found.limit is None or found.holds_up_to is None:
        worst = max(found.losses, key=lambda entry: entry.loss or 0.0, default=None)
        return "" if worst is None else f"The worst pairing is {worst.variant}: {loss} {number(worst.loss)}."
    if found.holds_up_to < 0:
        return f"Not even consistent pairings hold {loss} <= {number(found.limit)}."
    lag = found.holds_up_to
    return f"Holds up to a lag of {lag} version{'' if lag == 1 else 's'} at {loss} <= {number(found.limit)}."


def _loss(cell: SkewCell, metric: str) -> float | None:
    value: float | None = getattr(cell, metric)
    return value


def _cell(cell: SkewCell, metric: str, largest: float) -> MatrixCell:
    loss = _loss(cell, metric)
    title = f"against {cell.consistent}: mean |difference| {number(cell.mean_abs)}, "
    title += f"beyond tolerance {percent(cell.mismatch_rate)}"
    if cell.auc is not None:
        title += f", AUC {number(cell.auc)}, NE {number(cell.ne)}"
    return MatrixCell(number(loss), title, max(0.0, (loss or 0.0) / largest), cell.lag == 0)


@dataclass(frozen=True)
class FamilyLine:
    """A family, for the ranking; ``share`` is its effect as a share of the largest."""

    family: str
    value: str
    interval: str
    mean_abs: str
    share: float


def family_lines(summary: Summary) -> tuple[FamilyLine, ...]:
    """The families, worst first."""
    largest = max((abs(entry.value or 0.0) for entry in summary.sensitivity), default=0.0) or 1.0
    return tuple(
        FamilyLine(
            family=entry.family,
            value=number(entry.value),
            interval="" if entry.low is None or entry.high is None else f"{number(entry.low)} to {number(entry.high)}",
            mean_abs=number(entry.mean_abs),
            share=max(0.0, (entry.value or 0.0) / largest),
        )
        for entry in summary.sensitivity
    )


@dataclass(frozen=True)
class DosePoint:
    """One variant of a dose-response; places are shares of the picture, from the left and from the top."""

    label: str
    value: str
    interval: str
    left: float
    top: float


@dataclass(frozen=True)
class DoseChart:
    """What a scenario does as its rate or lag grows."""

    name: str
    metric: str
    points: tuple[DosePoint, ...]
    largest: str

    @property
    def path(self) -> str:
        """The line through the points, in a picture of 1000 by 100."""
        return "M" + "L".join(f"{point.left * 1000:.1f} {point.top * 100:.1f}" for point in self.points)


def dose_charts(summary: Summary) -> tuple[DoseChart, ...]:
    """A chart for each scenario of which a list gave at least three variants."""
    groups: dict[str, list[tuple[float, str, VariantSummary]]] = defaultdict(list)
    for name, variant in summary.variants.items():
        base, at, dose = name.rpartition("@")
        size = _dose(dose)
        if at and size is not None and variant.vs_baseline is not None:
            groups[base].append((size, dose, variant))
    return tuple(
        _chart(name, sorted(group, key=lambda one: one[0]))
        for name, group in groups.items()
        if len(group) >= _LEAST_DOSES
    )


def _dose(text: str) -> float | None:
    lag = _LAG.match(text)
    if lag is not None:
        return float(lag[1]) * _UNITS[lag[2]]
    try:
        return float(text)
    except ValueError:
        return None


def _chart(name: str, group: Sequence[tuple[float, str, VariantSummary]]) -> DoseChart:
    found = [variant.vs_baseline for _, _, variant in group if variant.vs_baseline is not None]
    metric = "auc_drop" if all(one.auc_drop is not None for one in found) else "mean_abs"
    values = [float(getattr(one, metric) or 0.0) for one in found]
    low, high = min(0.0, *values), max(0.0, *values)
    span = (high - low) or 1.0
    points = tuple(
        DosePoint(
            label=dose,
            value=number(value),
            interval=_interval(vars_of(one, metric)),
            left=place / (len(group) - 1),
            top=1.0 - (value - low) / span,
        )
        for place, ((_, dose, _), one, value) in enumerate(zip(group, found, values, strict=True))
    )
    return DoseChart(name, LOSSES[metric], points, number(high))


def vars_of(found: object, metric: str) -> Mapping[str, float | None]:
    """The interval of a metric of a comparison; Nones where it has none."""
    return {end: getattr(found, f"{metric}_{end}", None) for end in ("low", "high")}


def _interval(ends: Mapping[str, float | None]) -> str:
    low, high = ends["low"], ends["high"]
    return "" if low is None or high is None else f"{number(low)} to {number(high)}"
