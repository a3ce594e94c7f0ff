"""Audits on the page."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from replay.report.audits.cards import SHOWN, audit_cards
from replay.report.summary.audits import AgesSummary, BucketDistance, DifferenceCost
from tests.report import sample
from tests.report.audits.found import AUDIT, DAILY, HARMLESS, SOMEWHERE, STALE
from tests.report.html.page_reader import section_text


def _data(audit=AUDIT):
    data = sample.bare_data()
    return replace(data, summary=replace(data.summary, audits={"logging": audit}))


def test_alarms_come_first_and_the_rest_below_the_line():
    (card,) = audit_cards(_data().summary)

    assert [line.feature for line in card.lines] == ["clicks_7d"]
    assert [line.feature for line in card.quiet] == ["price"]
    assert card.metric == "NE increase"
    assert card.lines[0].coverage == "98% / 61%"
    assert audit_cards(sample.bare_data().summary) == ()


def test_bars_are_on_one_scale():
    (card,) = audit_cards(_data().summary)
    left, width = card.lines[0].bar
    low, span = card.lines[0].ends

    assert left == card.zero
    assert low < left + width < low + span
    assert card.quiet[0].bar == (card.zero, 0.0)


def test_coverage_that_drops_is_a_heat_map():
    (card,) = audit_cards(_data().summary)

    assert card.slices == ("surface=shop",)
    assert card.coverage[0][0] == "clicks_7d"
    assert (card.coverage[0][1][0].level, card.coverage[0][1][0].title) == (5, "97% / 0%")


def test_without_a_label_the_change_of_the_score_is_drawn_and_a_reason_where_there_is_none():
    audit = replace(
        AUDIT,
        features=(
            replace(STALE, cost=DifferenceCost(0.3)),
            replace(HARMLESS, cost=DifferenceCost(None, reason="it is text")),
        ),
    )
    (card,) = audit_cards(_data(audit).summary)

    assert (card.metric, card.lines[0].cost) == ("Mean change of score", "0.3")
    assert (card.quiet[0].bar, card.quiet[0].reason) == (None, "it is text")


def test_of_very_many_some_are_left_out():
    (card,) = audit_cards(_data(replace(AUDIT, features=(HARMLESS,) * (SHOWN + 4))).summary)

    assert card.left_out == 4


def test_the_page_says_it():
    text = section_text(_data(), "audits")

    assert "2 of 12 features differ from served" in text
    assert "older values, by 3 h" in text
    assert "surface=shop" in text


def test_schedules_ages_and_trends_are_on_the_page():
    hours = tuple(float((hour - 3) % 24) for hour in range(24))
    start = datetime(2026, 11, 20, tzinfo=UTC)
    buckets = tuple(BucketDistance(start + timedelta(days=day), 1.0, 0.01 * day) for day in range(3))
    audit = replace(
        AUDIT,
        schedules=(DAILY, SOMEWHERE),
        ages=(AgesSummary("here", ("clicks_7d",), hours),),
        features=(replace(STALE, buckets=buckets), HARMLESS),
    )

    (card,) = audit_cards(_data(audit).summary)
    text = section_text(_data(audit), "audits")

    assert card.has_trends
    assert not audit_cards(_data().summary)[0].has_trends
    assert [scenario for _, scenario in card.schedules] == [DAILY.scenario, None]
    assert "clicks_7d is computed at about 03:00 UTC" in text
    assert "logging_before_03: [{op: stale}]" in text
    assert "Median age in hours, by hour of the day (UTC)" in text
    assert "Distance over time" in text
