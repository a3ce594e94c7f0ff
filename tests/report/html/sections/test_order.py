"""The order within groups laid out."""

from __future__ import annotations

from dataclasses import replace

from replay.metrics.order import GroupMean, RankChange
from replay.report.html.render import render_html
from replay.report.html.sections.order import order_table
from replay.report.words.numbers import MINUS
from tests.report import sample


def test_the_order_within_groups_is_shown() -> None:
    mean = GroupMean(0.5, 0.4, 0.6, 10, 100)
    rank = RankChange(10, mean, {"1": mean}, {"1": GroupMean(-0.02, None, None, 1, 4)})
    against = replace(sample.comparison(100, 9), rank=rank)
    variants = {"prod": sample.variant(sample.comparison(100, 0)), "new": sample.variant(None, vs_baseline=against)}
    table = order_table(sample.summary(variants))
    assert table is not None
    assert table.columns == ("Kendall tau", "top 1 kept", "NDCG@1 change")
    interval = "95%: 0.4 to 0.6"
    assert table.lines == (("new", "10", (("0.5", interval), ("0.5", interval), (f"{MINUS}0.02", ""))),)
    assert "Order within groups" in render_html(replace(sample.bare_data(), summary=sample.summary(variants)))
    assert order_table(sample.bare_data().summary) is None
