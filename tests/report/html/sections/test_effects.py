"""The table of effects: what is on top, and what it shows."""

from __future__ import annotations

import re
from dataclasses import replace

from replay.metrics.order import GroupMean, RankChange
from replay.report.html.render import render_html
from replay.report.html.sections.effects import EFFECTS_SHOWN, effect_table
from replay.report.summary import Stability, VariantSummary
from tests.report import sample
from tests.report.everything import everything_data
from tests.report.html.page_reader import section_text

NONE = "–"  # noqa: RUF001 (an en dash)


def _variant(drop: float | None, *, non_finite: int = 0, mean_abs: float = 0.1) -> VariantSummary:
    against = sample.comparison(100, 9, auc_drop=drop, mean_abs=mean_abs)
    return replace(sample.variant(None, vs_baseline=against), stability=Stability(non_finite=non_finite))


def test_without_a_label_the_distance_ranks() -> None:
    variants = {"prod": sample.variant(None), "a": _variant(None, mean_abs=0.1), "b": _variant(None, mean_abs=0.2)}
    table = effect_table(sample.summary(variants))
    assert table is not None
    assert [line.name for line in table.lines] == ["b", "a", "prod"]
    assert (table.quality, table.order) == ((), ())


def test_a_line_says_what_the_scenario_does() -> None:
    table = effect_table(everything_data().summary)
    assert table is not None
    assert (table.quality, table.order) == (("AUC drop", "NE increase"), ("Kendall tau", "Top 1 kept"))
    assert (table.lines[0].checkpoint, table.lines[0].name) == ("prod/", "int8_embeddings")
    text = section_text(everything_data(), "effects")
    assert "prod/ int8_embeddings 12 non-finite 3,401 saturated 200,000" in text
    assert render_html(everything_data()).count('class="fault failed"') == 2
    found = {line.checkpoint + line.name: line for line in table.lines}
    burst = found["prod/null_burst"]
    assert 'title="4.9% of the rows">9,812<' in render_html(everything_data())
    assert "prod/ null_burst 9,812 0.26% 0.00126 0.0189" in text  # 0.0021 x 0.6, and x 9
    assert [(cell.text, cell.interval) for cell in burst.quality] == [
        ("0.0021", "0.000795 to 0.00341"),  # -+ 0.0012 + 0.0021 / 20
        ("0.00399", "0.00257 to 0.00541"),
    ]
    assert burst.order == (("0.992", "95%: 0.988 to 0.996"), ("0.987", "95%: 0.983 to 0.991"))
    assert "0.992 0.987 7.91" in text
    candidate = found["candidate"]
    assert (candidate.checkpoint, candidate.order) == ("", ((NONE, ""), (NONE, "")))
    assert re.search(r"candidate all \d", text)  # a range of its own is no fault
    assert found["prod"].quality[0].text == NONE
    assert f"prod baseline all {NONE} {NONE} {NONE} {NONE}" in text


def test_every_loss_is_drawn_beside_no_change() -> None:
    table = effect_table(sample.summary({"prod": sample.variant(None), "a": _variant(0.02), "b": _variant(0.04)}))
    assert table is not None
    (worst, *_), (better, *_) = (line.quality for line in table.lines[:2])
    assert worst.reference == better.reference
    assert worst.reference is not None
    assert worst.at is not None
    assert better.at is not None
    assert worst.reference < better.at < worst.at


def test_many_variants_are_folded() -> None:
    variants = {"prod": sample.variant(None), **{f"v{place:02d}": _variant(place / 100) for place in range(40)}}
    table = effect_table(sample.summary(variants))
    assert table is not None
    assert (len(table.lines), len(table.more)) == (EFFECTS_SHOWN, 41 - EFFECTS_SHOWN)
    assert (table.lines[0].name, table.more[-1].name) == ("v39", "prod")


def test_a_mean_without_an_interval_gives_its_reason() -> None:
    tau = GroupMean(None, None, None, 0, 0, "every group has ties alone")
    rank = RankChange(4, tau, {}, {})
    against = replace(sample.comparison(100, 9), rank=rank)
    table = effect_table(sample.summary({"prod": sample.variant(None), "a": sample.variant(None, vs_baseline=against)}))
    assert table is not None
    assert table.order == ("Kendall tau",)
    assert table.lines[0].order == ((NONE, "every group has ties alone"),)


def test_a_lone_baseline_has_no_effects() -> None:
    assert effect_table(sample.bare_data().summary) is None
