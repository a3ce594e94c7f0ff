"""One story, word for word, wherever a run is shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from replay.diagnosis.causes.cause import Cause
from replay.report.html.render import render_html
from replay.report.summary import Incident, Story, Summary
from replay.report.terminal.render import render_terminal
from replay.report.verdict import judge
from replay.report.words.incidents import incident_sentence, story_of, story_sentence
from tests.report import sample
from tests.report.html.page_reader import Page

START = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
END = START + timedelta(minutes=20)
CAUSE = Cause("checkpoint", 0.96, 50, checkpoint="old", share=0.96)
HOSTS = tuple(Incident(START, END, 100, 40, 0.4, {"host": host}, (CAUSE,)) for host in ("3", "7", "9"))
OTHER = Incident(START, END, 100, 10, 0.1, {"surface": "home"}, (replace(CAUSE, checkpoint="older"),))
STORY = Story((1, 2, 4), "host", ("3", "7", "9"), {}, START, END, 300, 120)
INCIDENTS = (*HOSTS[:2], OTHER, HOSTS[2])
SENTENCE = (
    "On 2026-11-20 from 18:00 to 18:20 UTC (20 min), 40% of the 300 rows of host=3, 7, 9 got another score than the "
    "replay gives, as if checkpoint old had answered. Replayed that way, 48 of 50 (96%) of the mismatched rows give "
    "what online answered. One story in incidents 1, 2 and 4."
)


def data(incidents=INCIDENTS, story=STORY):
    found = sample.burst_data()
    return replace(found, summary=replace(found.summary, incidents=incidents, stories=(story,), diagnosed=True))


def test_it_is_said_as_of_one_incident():
    assert story_sentence(STORY, INCIDENTS) == SENTENCE
    assert [story_of((STORY,), number) for number in (2, 3, 4)] == [STORY, None, STORY]


def test_it_is_the_headline_and_the_others_are_counted_without_it():
    verdict = judge(data())

    assert verdict.headline == SENTENCE
    assert verdict.details[0] == "1 more incident below."


def test_a_later_story_is_told_at_its_first_incident():
    late = replace(STORY, incidents=(2, 3, 4))
    shown = data((OTHER, *HOSTS), late)

    assert judge(shown).headline == incident_sentence(OTHER)
    text = " ".join(render_terminal(shown, "r").replace("│", " ").split())
    assert text.count(story_sentence(late, shown.summary.incidents)) == 1
    assert text.count("As incident 2: ") == 2


def test_the_page_has_it_at_its_first_incident():
    text = Page(render_html(data())).text

    assert SENTENCE in text
    assert text.count("Part of the story of incident 1.") == 2


def test_it_survives_json():
    written = data().summary.to_dict()

    assert written["stories"][0]["incidents"] == [1, 2, 4]
    assert Summary.from_dict(written).to_dict()["stories"] == written["stories"]
