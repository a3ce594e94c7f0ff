"""Skew matrix, families and doses laid out, against numbers set by hand."""

from __future__ import annotations

from dataclasses import replace

from replay.metrics.rank import GroupMean, RankChange
from replay.report.effect_view import dose_charts, family_lines, matrix_sentence, matrix_view
from replay.report.effects import FamilyEffect, LagLoss, SkewCell, SkewMatrix
from replay.report.html import render_html
from replay.report.numerals import MINUS
from replay.report.rank_view import rank_table
from replay.report.summary import Summary
from replay.report.terminal import render_terminal
from tests.report import sample


def _cell(query: str, item: str, drop: float) -> SkewCell:
    newest = max(query, item)
    lag = abs(int(query[1]) - int(item[1]))
    name = query if query == item else f"query.{query}+item.{item}"
    return SkewCell({"query": query, "item": item}, name, newest, lag, 0.01 * lag, 0.5, 0.7 - drop, 0.9, drop, 0.0)


MATRIX = SkewMatrix(
    {"query": ("v1", "v2"), "item": ("v1", "v2")},
    (_cell("v1", "v1", 0.0), _cell("v1", "v2", 0.02), _cell("v2", "v1", 0.04), _cell("v2", "v2", 0.0)),
    "auc_drop",
    (LagLoss(0, 0.0, "v1"), LagLoss(1, 0.04, "query.v2+item.v1")),
    limit=0.03,
    holds_up_to=0,
)


def test_two_modules_are_a_table() -> None:
    view = matrix_view(MATRIX)
    assert (view.rows_are, view.columns_are, view.columns) == ("query", "item", ("v1", "v2"))
    assert [(name, [cell.text for cell in cells]) for name, cells in view.lines] == [
        ("v1", ["0", "0.02"]),
        ("v2", ["0.04", "0"]),
    ]
    assert [[cell.heat for cell in cells] for _, cells in view.lines] == [[0.0, 0.5], [1.0, 0.0]]
    assert [[cell.consistent for cell in cells] for _, cells in view.lines] == [[True, False], [False, True]]


def test_three_modules_are_a_list() -> None:
    cells = tuple(replace(cell, modules={**cell.modules, "head": "v1"}) for cell in MATRIX.cells)
    view = matrix_view(replace(MATRIX, modules={**MATRIX.modules, "head": ("v1",)}, cells=cells))
    assert [name for name, _ in view.lines][1] == "query v1 + item v2 + head v1"
    assert view.columns == ("AUC drop",)


def test_the_answer_in_a_sentence() -> None:
    assert matrix_sentence(MATRIX) == "Holds up to a lag of 0 versions at AUC drop <= 0.03."
    assert matrix_sentence(replace(MATRIX, holds_up_to=1)) == "Holds up to a lag of 1 version at AUC drop <= 0.03."
    assert "Not even consistent" in matrix_sentence(replace(MATRIX, holds_up_to=-1))
    assert matrix_sentence(replace(MATRIX, limit=None, holds_up_to=None)) == (
        "The worst pairing is query.v2+item.v1: AUC drop 0.04."
    )


def _doses() -> Summary:
    base = sample.variant(sample.comparison(100, 0))
    variants = {"prod": base}
    for dose, drop in (("0.5", 0.02), ("0.1", 0.01), ("1", 0.04)):
        against = sample.comparison(100, 9, auc_drop=drop, auc_drop_low=drop - 0.001, auc_drop_high=drop + 0.001)
        variants[f"prod/dose@{dose}"] = replace(sample.variant(sample.comparison(100, 9), vs_baseline=against))
    families = (
        FamilyEffect("counts", "prod/null.counts", "auc_drop", 0.04, 0.03, 0.05, 0.1),
        FamilyEffect("user", "prod/null.user", "auc_drop", 0.01, None, None, 0.05),
    )
    return replace(sample.summary(variants), sensitivity=families, skew_matrix=MATRIX)


def test_a_list_of_doses_is_a_curve_in_order() -> None:
    (chart,) = dose_charts(_doses())
    assert (chart.name, chart.metric) == ("prod/dose", "AUC drop")
    assert [(point.label, point.value, point.interval) for point in chart.points] == [
        ("0.1", "0.01", "0.009 to 0.011"),
        ("0.5", "0.02", "0.019 to 0.021"),
        ("1", "0.04", "0.039 to 0.041"),
    ]
    assert [(point.left, round(point.top, 9)) for point in chart.points] == [(0.0, 0.75), (0.5, 0.5), (1.0, 0.0)]
    lags = _doses()
    renamed = {
        name.replace("@0.1", "@30min").replace("@0.5", "@3h").replace("@1", "@1d"): one
        for name, one in lags.variants.items()
    }
    (chart,) = dose_charts(replace(lags, variants=renamed))
    assert [point.label for point in chart.points] == ["30min", "3h", "1d"]


def test_families_are_drawn_to_scale() -> None:
    first, second = family_lines(_doses())
    assert (first.family, first.share, first.interval) == ("counts", 1.0, "0.03 to 0.05")
    assert (second.family, second.share, second.interval) == ("user", 0.25, "")


def test_page_and_terminal_show_them() -> None:
    data = replace(sample.bare_data(), summary=_doses())
    page, text = render_html(data), render_terminal(data, width=100, color=False, unicode=True)
    for expected in ("Skew matrix", "Holds up to a lag of 0 versions", "Nothing costs more than counts", "prod/dose"):
        assert expected in page
    assert "Holds up to a lag of 0 versions" in text
    assert "counts null: AUC drop 0.04 (0.03 to 0.05)" in text


def test_the_order_within_groups_is_shown() -> None:
    mean = GroupMean(0.5, 0.4, 0.6, 10, 100)
    rank = RankChange(10, mean, {"1": mean}, {"1": GroupMean(-0.02, None, None, 1, 4)})
    against = replace(sample.comparison(100, 9), rank=rank)
    variants = {"prod": sample.variant(sample.comparison(100, 0)), "new": sample.variant(None, vs_baseline=against)}
    table = rank_table(sample.summary(variants))
    assert table is not None
    assert table.columns == ("Kendall tau", "top 1 kept", "NDCG@1 change")
    interval = "95%: 0.4 to 0.6"
    assert table.lines == (("new", "10", (("0.5", interval), ("0.5", interval), (f"{MINUS}0.02", ""))),)
    assert "Order within groups" in render_html(replace(sample.bare_data(), summary=sample.summary(variants)))
    assert rank_table(sample.bare_data().summary) is None
