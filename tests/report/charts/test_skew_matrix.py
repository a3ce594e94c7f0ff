"""The skew matrix laid out, against numbers set by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from replay.report.charts.skew_matrix import SkewMatrixChart, matrix_sentence, skew_matrix_chart
from replay.report.summary.effects import LagLoss, SkewCell, SkewMatrix
from tests.report import sample


def chart(matrix: SkewMatrix) -> SkewMatrixChart:
    drawn = skew_matrix_chart(replace(sample.bare_data().summary, skew_matrix=matrix))
    assert drawn is not None
    return drawn


def _cell(query: str, item: str, drop: float) -> SkewCell:
    newest = max(query, item)
    lag = abs(int(query[1]) - int(item[1]))
    name = query if query == item else f"query.{query}+item.{item}"
    measures = {"auc": 0.7 - drop, "ne": 0.9, "auc_drop": drop, "ne_increase": 0.0}
    return SkewCell({"query": query, "item": item}, name, newest, lag, 0.01 * lag, 0.5, measures)


MATRIX = SkewMatrix(
    {"query": ("v1", "v2"), "item": ("v1", "v2")},
    (_cell("v1", "v1", 0.0), _cell("v1", "v2", 0.02), _cell("v2", "v1", 0.04), _cell("v2", "v2", 0.0)),
    "auc_drop",
    (LagLoss(0, 0.0, "v1"), LagLoss(1, 0.04, "query.v2+item.v1")),
    limit=0.03,
    holds_up_to=0,
)
LINE = (*MATRIX.losses, LagLoss(2, 0.08, "query.v3+item.v1"))


def test_two_modules_are_a_table() -> None:
    drawn = chart(MATRIX)
    assert (drawn.rows_are, drawn.columns_are, drawn.columns) == ("query", "item", ("v1", "v2"))
    assert [(name, [cell.text for cell in cells]) for name, cells in drawn.lines] == [
        ("v1", ["0", "0.02"]),
        ("v2", ["0.04", "0"]),
    ]
    assert [[cell.heat for cell in cells] for _, cells in drawn.lines] == [[0.0, 0.5], [1.0, 0.0]]
    assert [[cell.consistent for cell in cells] for _, cells in drawn.lines] == [[True, False], [False, True]]
    assert drawn.lines[1][1][0].title == "against v2: mean |difference| 0.01, beyond tolerance 50%, AUC 0.66, NE 0.9"


def test_three_modules_are_a_list_worst_first() -> None:
    cells = tuple(replace(cell, modules={**cell.modules, "head": "v1"}) for cell in MATRIX.cells)
    drawn = chart(replace(MATRIX, modules={**MATRIX.modules, "head": ("v1",)}, cells=cells))
    assert [name for name, _ in drawn.lines][:2] == ["query v2 + item v1 + head v1", "query v1 + item v2 + head v1"]
    assert (drawn.columns, drawn.columns_are) == (("AUC drop",), "")


def test_loss_against_lag_is_drawn_with_the_limit() -> None:
    curve = chart(MATRIX).curve
    assert curve is not None
    assert [(point.label, point.loss, point.note) for point in curve.points] == [
        ("0", "0", "v1"),
        ("1", "0.04", "query.v2+item.v1"),
    ]
    assert curve.limit == pytest.approx(0.03 / 0.05)
    assert chart(replace(MATRIX, losses=MATRIX.losses[:1])).curve is None


def test_a_gain_has_no_heat_and_what_is_unknown_is_no_zero() -> None:
    cells = (
        MATRIX.cells[0],
        replace(MATRIX.cells[1], measures={"auc_drop": -0.01}),
        replace(MATRIX.cells[2], measures={}),
    )
    drawn = chart(replace(MATRIX, cells=(*cells, MATRIX.cells[3])))
    (_, first), (_, second) = drawn.lines
    assert (first[1].text, first[1].heat) == ("−0.01", 0.0)  # noqa: RUF001 (a minus)
    assert (second[0].text, second[0].heat) == ("–", 0.0)  # noqa: RUF001 (an en dash is none)


@pytest.mark.parametrize(
    ("held", "losses", "sentence"),
    [
        (
            0,
            LINE,
            "Holds only where all modules are of one version, at AUC drop <= 0.03; at a lag of 1 version AUC drop is "
            "0.04 (query.v2+item.v1).",
        ),
        (
            1,
            LINE,
            "Holds up to a lag of 1 version at AUC drop <= 0.03; at a lag of 2 versions AUC drop is 0.08 "
            "(query.v3+item.v1).",
        ),
        (2, LINE, "Holds at every lag that was replayed, up to 2 versions, at AUC drop <= 0.03."),
        (
            -1,
            (LagLoss(0, None, "v1"),),
            "Does not hold even where all modules are of one version, at AUC drop <= 0.03; at a lag of 0 versions AUC "
            "drop is not defined (v1).",
        ),
    ],
)
def test_the_answer_in_a_sentence(held: int, losses: tuple[LagLoss, ...], sentence: str) -> None:
    assert matrix_sentence(replace(MATRIX, holds_up_to=held, losses=losses)) == sentence


def test_without_a_limit_the_worst_pairing_is_named() -> None:
    assert matrix_sentence(replace(MATRIX, limit=None, holds_up_to=None)) == (
        "The worst pairing is query.v2+item.v1: AUC drop 0.04."
    )


def test_without_a_matrix_there_is_no_chart() -> None:
    assert skew_matrix_chart(sample.bare_data().summary) is None
