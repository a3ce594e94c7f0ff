"""The skew matrix as a heat table, its loss against the lag as a chart, and the answer in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from replay.report.charts.curve import LossCurve, MeasuredLoss, draw_curve
from replay.report.summary import Summary
from replay.report.summary.effects import LagLoss, SkewCell, SkewMatrix, worst_if_undefined
from replay.report.words.losses import LOSSES, METRIC_LABELS
from replay.report.words.numbers import number, percent

_TABLE_MODULES = 2


@dataclass(frozen=True)
class MatrixCell:
    """A pairing; ``heat`` is its loss as a share of the largest."""

    text: str
    title: str
    heat: float
    consistent: bool


@dataclass(frozen=True)
class SkewMatrixChart:
    """A skew matrix of two modules as a table; of more, a list of pairings."""

    loss: str
    sentence: str
    rows_are: str
    columns_are: str
    columns: tuple[str, ...]
    lines: tuple[tuple[str, tuple[MatrixCell, ...]], ...]
    curve: LossCurve | None
    """Loss against lag; None with fewer than two lags."""


def skew_matrix_chart(summary: Summary) -> SkewMatrixChart | None:
    """Lay out the skew matrix; None where none was asked for."""
    matrix = summary.skew_matrix
    if matrix is None:
        return None
    largest = max([*(cell.loss(matrix.metric) or 0.0 for cell in matrix.cells), 0.0]) or 1.0
    modules = list(matrix.modules)
    table = len(modules) == _TABLE_MODULES
    return SkewMatrixChart(
        loss=LOSSES[matrix.metric],
        sentence=matrix_sentence(matrix),
        rows_are=modules[0] if table else "pairing",
        columns_are=modules[1] if table else "",
        columns=tuple(matrix.modules[modules[1]]) if table else (LOSSES[matrix.metric],),
        lines=_table(matrix, largest) if table else _list(matrix, largest),
        curve=_curve(matrix),
    )


def _table(matrix: SkewMatrix, largest: float) -> tuple[tuple[str, tuple[MatrixCell, ...]], ...]:
    by_versions = {tuple(cell.modules.values()): cell for cell in matrix.cells}
    rows, columns = matrix.modules.values()
    return tuple(
        (row, tuple(_cell(by_versions[row, column], matrix.metric, largest) for column in columns)) for row in rows
    )


def _list(matrix: SkewMatrix, largest: float) -> tuple[tuple[str, tuple[MatrixCell, ...]], ...]:
    """Every pairing on a line, the largest loss first; one that is not defined is worse than any."""
    cells = sorted(matrix.cells, key=lambda cell: -worst_if_undefined(cell.loss(matrix.metric)))
    return tuple(
        (
            " + ".join(f"{name} {version}" for name, version in cell.modules.items()),
            (_cell(cell, matrix.metric, largest),),
        )
        for cell in cells
    )


def matrix_sentence(matrix: SkewMatrix) -> str:
    """Say up to what lag the limit holds; or, without a limit, the worst pairing."""
    loss = LOSSES[matrix.metric]
    if matrix.limit is None or matrix.holds_up_to is None:
        worst = max(matrix.losses, key=lambda entry: entry.loss or 0.0, default=None)
        return "" if worst is None else f"The worst pairing is {worst.variant}: {loss} {number(worst.loss)}."
    limit = f"{loss} <= {number(matrix.limit)}"
    broken = next((entry for entry in matrix.losses if entry.lag > matrix.holds_up_to), None)
    after = "" if broken is None else _broken(broken, loss)
    if matrix.holds_up_to < 0:
        return f"Does not hold even where all modules are of one version, at {limit}{after}."
    if matrix.holds_up_to == 0 and broken is not None:
        return f"Holds only where all modules are of one version, at {limit}{after}."
    if broken is None:
        return f"Holds at every lag that was replayed, up to {_versions(matrix.holds_up_to)}, at {limit}."
    return f"Holds up to a lag of {_versions(matrix.holds_up_to)} at {limit}{after}."


def _broken(entry: LagLoss, loss: str) -> str:
    size = "is not defined" if entry.loss is None else f"is {number(entry.loss, 3)}"
    return f"; at a lag of {_versions(entry.lag)} {loss} {size} ({entry.variant})"


def _versions(lag: int) -> str:
    return f"{lag} version{'' if lag == 1 else 's'}"


def _cell(cell: SkewCell, metric: str, largest: float) -> MatrixCell:
    loss = cell.loss(metric)
    title = f"against {cell.consistent}: mean |difference| {number(cell.mean_abs)}, "
    title += f"beyond tolerance {percent(cell.mismatch_rate)}"
    quality = {name: value for name, value in cell.measures.items() if name in METRIC_LABELS}
    if any(value is not None for value in quality.values()):
        title += "".join(f", {METRIC_LABELS[name]} {number(value)}" for name, value in quality.items())
    return MatrixCell(number(loss, 3), title, max(0.0, (loss or 0.0) / largest), cell.lag == 0)


def _curve(matrix: SkewMatrix) -> LossCurve | None:
    losses: Sequence[LagLoss] = matrix.losses
    if len(losses) <= 1:
        return None
    measured = [MeasuredLoss(float(entry.lag), str(entry.lag), entry.loss, note=entry.variant) for entry in losses]
    return draw_curve("Worst loss by lag", LOSSES[matrix.metric], measured, matrix.limit)
