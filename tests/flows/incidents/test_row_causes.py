"""Which incidents hold a row, and its scores under their causes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from replay.diagnosis.causes.cause import Cause, CauseWindow
from replay.flows.incidents.row_causes import cause_scores, holds_row
from replay.report.summary import Incident, IncidentTime

START = datetime(2026, 11, 20, 10, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


COUNTS = Cause("null_features", 0.5, 9, families=("counts",), variant="prod/one", together=("prod/both",))
PRICE = Cause("null_features", 0.5, 9, features=("price",), variant="prod/two", together=("prod/both",))
INCIDENT = Incident(at(0), at(30), 10, 9, 0.9, {"surface": "home", "is_new": "true"}, causes=(COUNTS, PRICE))
ROW = {"surface": "home", "is_new": True, "country": "DE"}


@pytest.mark.parametrize(("minutes", "held"), [(-1, False), (0, True), (29.9, True), (30, False)])
def test_a_row_of_its_time_and_slice(minutes: float, held: bool):
    assert holds_row(INCIDENT, at(minutes), ROW) is held
    assert not holds_row(INCIDENT, at(minutes), {**ROW, "surface": "feed"})


def test_each_of_many_times():
    often = replace(INCIDENT, times=(IncidentTime(at(0), at(5)), IncidentTime(at(20), at(25))))

    assert [holds_row(often, at(minutes), ROW) for minutes in (1, 10, 21)] == [True, False, True]


def test_a_window_of_a_cause_that_goes_on():
    window = CauseWindow(at(20), at(50), {"country": "DE"}, 10, 9, 9, 9)
    longer = replace(INCIDENT, causes=(COUNTS, replace(PRICE, windows=(window,))))

    assert holds_row(longer, at(40), {"surface": "feed", "country": "DE"})
    assert not holds_row(longer, at(40), {"surface": "home", "country": "US"})


def test_scores_under_each_and_under_both():
    found = list(cause_scores(3, INCIDENT, {"prod": 0.1, "prod/one": 0.2, "prod/two": None, "prod/both": 0.3}))

    assert [(one.incident, one.cause, one.words, one.replayed) for one in found] == [
        (3, 1, "family counts null", 0.2),
        (3, 2, "price null", None),
        (3, 1, "family counts null and price null", 0.3),
    ]


def test_a_cause_that_no_variant_replays_has_no_score():
    alone = replace(INCIDENT, causes=(replace(COUNTS, variant=None, together=None),))

    assert list(cause_scores(1, alone, {"prod": 0.1})) == []
