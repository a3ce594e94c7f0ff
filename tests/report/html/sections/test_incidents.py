"""Incidents on the page: facts, causes, what they cost."""

from __future__ import annotations

from dataclasses import replace

from replay.metrics.value import MetricValue
from replay.report.html.sections.incidents import IncidentCard, incident_cards
from replay.report.summary import Incident
from replay.report.words.numbers import MINUS
from tests.report import sample
from tests.report.everything import FIRST, SECOND, everything_data
from tests.report.html.page_reader import section_text


def card(incident: Incident) -> IncidentCard:
    shown = incident_cards(sample.summary({"prod": sample.variant(None)}, incidents=(incident,)))
    assert shown is not None
    (only,) = shown.cards
    return only


def test_incidents_are_numbered_in_their_order():
    shown = incident_cards(everything_data().summary)
    assert shown is not None
    assert [entry.number for entry in shown.cards] == [1, 2]


def test_no_search_is_another_thing_than_no_incident():
    assert incident_cards(sample.clean_data().summary) is None
    data = sample.clean_data()
    searched = replace(data, summary=replace(data.summary, diagnosed=True))
    assert incident_cards(searched.summary) is not None
    assert section_text(searched, "incidents") == "Incidents No incident was found."


def test_facts_say_when_how_long_and_how_many():
    values = [value for _, value in card(FIRST).facts]
    assert values == [
        "2026-11-20 18:02:02.137 UTC",
        "2026-11-20 18:05:31 UTC",
        "3 min 29 s",
        "surface=home",
        "4,597",
        "4,321 (94%)",
        "+0.0213 (replayed less online)",
        "under 1 in a million",
    ]


def test_a_permanent_incident_of_all_traffic_has_no_end():
    values = [value for _, value in card(replace(SECOND, permanent=True)).facts]
    assert values[1] == "the end of the window"
    assert "all rows" in values


def test_a_loss_that_may_be_chance_is_put_down_to_no_cause():
    loss = {"ne_increase": MetricValue(0.1, -0.1, 0.3, 10), "auc_drop": MetricValue(0.05, 0.01, 0.09, 10)}
    cost = card(replace(FIRST, loss=loss)).cost
    assert cost is not None
    assert cost.causes == ("family counts_7d null",)
    assert [(line.loss, line.interval, line.certain, line.shares) for line in cost.lines] == [
        ("+0.1", f"{MINUS}0.1 to 0.3", False, ("",)),
        ("+0.05", "0.01 to 0.09", True, ("95%",)),
    ]


def test_a_share_of_the_loss_can_overshoot_or_be_none():
    overshoots, worsens = (replace(FIRST.causes[0], loss={"ne": share}) for share in (1.2, -0.1))
    shares = []
    for cause in (overshoots, worsens):
        cost = card(replace(FIRST, causes=(cause,))).cost
        assert cost is not None
        shares.append(cost.lines[0].shares)
    assert shares == [("more than all",), ("none",)]


def test_an_undefined_loss_is_left_out():
    assert card(replace(FIRST, loss={"auc_drop": MetricValue(None, None, None, 0, "one class")})).cost is None
