"""One bad deployment on several hosts is one story."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from replay.diagnosis.causes.cause import UNEXPLAINED, Cause
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.flows.incidents.stories import find_stories
from replay.report.summary import Incident

START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
OLD = Hypothesis("checkpoint", "old")
SCALED = Hypothesis("scale", "prod", ("I3",), (("factor", 100.0),))


def incident(hypothesis: Hypothesis | None, minute: int = 0, minutes: int = 20, **segments: str) -> Incident:
    start = START + timedelta(minutes=minute)
    kind = UNEXPLAINED if hypothesis is None else hypothesis.kind
    causes = (Cause(kind, 0.9, 50, hypothesis=hypothesis),)
    return Incident(start, start + timedelta(minutes=minutes), 100, 40, 0.4, segments, causes)


def test_six_hosts_of_one_deployment_are_one_story():
    hosts = ("3", "7", "9", "11", "12", "15")
    found = [incident(OLD, minute, host=host) for minute, host in enumerate(hosts)]
    (story,) = find_stories([*found, incident(SCALED, host="4"), incident(OLD, 1)])

    assert (story.column, story.values, story.segments) == ("host", hosts, {})
    assert story.incidents == (1, 2, 3, 4, 5, 6)
    assert (story.start, story.end) == (START, START + timedelta(minutes=25))
    assert (story.rows, story.mismatched) == (600, 240)


def test_two_parts_of_one_host_are_in_the_story_and_its_value_is_named_once():
    (story,) = find_stories([incident(OLD, host="3"), incident(OLD, 5, 5, host="3"), incident(OLD, host="7")])

    assert (story.values, story.incidents) == (("3", "7"), (1, 2, 3))
    assert find_stories([incident(OLD, host="3"), incident(OLD, 5, 5, host="3")]) == ()


def test_what_they_have_in_common_is_said_beside_it():
    both = [incident(OLD, host=host, country="DE") for host in ("3", "7")]
    (story,) = find_stories([*both, incident(OLD, host="9", country="FR")])

    assert (story.column, story.values, story.segments) == ("host", ("3", "7"), {"country": "DE"})


@pytest.mark.parametrize(
    "other",
    [
        incident(Hypothesis("checkpoint", "older"), host="7"),
        incident(None, host="7"),
        incident(OLD, 15, host="7"),
        incident(OLD, surface="home"),
        incident(OLD, host="7", surface="home"),
    ],
    ids=["another checkpoint", "unexplained", "later", "another column", "a narrower slice"],
)
def test_others_are_stories_of_their_own(other):
    assert find_stories([incident(OLD, host="3"), other]) == ()


def test_two_without_a_cause_are_no_story():
    assert find_stories([incident(None, host="3"), incident(None, host="7")]) == ()


@pytest.mark.parametrize(
    ("name", "one", "other", "same"),
    [
        ("factor", 100.0, 101.0, True),
        ("factor", 100.0, 1000.0, False),
        ("factor", 100.0, -100.0, False),
        ("lag", timedelta(minutes=30), timedelta(minutes=31), True),
        ("lag", timedelta(minutes=30), timedelta(minutes=60), False),
        ("value", "a", "a", True),
        ("value", "a", "b", False),
        ("value", True, 1.05, False),
    ],
)
def test_numbers_may_be_a_little_apart(name, one, other, same):
    pair = [
        incident(Hypothesis("any", "prod", ("I3",), ((name, value),)), host=host)
        for value, host in ((one, "3"), (other, "7"))
    ]

    assert (len(find_stories(pair)) == 1) is same
