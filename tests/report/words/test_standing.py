"""What stands at all times, word for word, wherever a run is shown."""

from __future__ import annotations

from dataclasses import replace

from replay.diagnosis.causes.cause import Cause
from replay.report.html.card import render_card
from replay.report.html.render import render_html
from replay.report.summary import StandingCause
from replay.report.terminal.render import render_terminal
from replay.report.verdict import judge
from replay.report.words.brief import brief_lines
from replay.report.words.standing import standing_line, standing_sentence
from tests.report import sample
from tests.report.everything import everything_data
from tests.report.html.page_reader import Page

CAUSE = Cause("checkpoint", 0.95, 400, checkpoint="old", equivalent=("family counts null",))
HOSTS = StandingCause(CAUSE, 0.049, 0.047, 0.05, {"host": ("3", "7")}, 0.98)
SENTENCE = (
    "At all times, 4.9% of the rows (95% interval 4.7% to 5%) got another score than the replay gives, as if "
    "checkpoint old had answered: those of host=3, 7, of whose rows it explains 98%. Replayed that way, 380 of 400 "
    "(95%) of the mismatched rows outside of incidents give what online answered."
)


def test_it_is_said_in_two_sentences_and_in_a_line():
    assert standing_sentence(HOSTS) == SENTENCE
    assert standing_line(HOSTS) == (
        "checkpoint old answered, 4.9% of the rows at all times: those of host=3, 7, of whose rows it explains 98%"
    )
    assert standing_line(replace(HOSTS, segments={})) == "checkpoint old answered, 4.9% of the rows at all times"


def test_many_hosts_are_counted():
    hosts = tuple(map(str, range(9)))

    assert "host=0, 1, 2, 3, 4, 5 and 3 more," in standing_line(replace(HOSTS, segments={"host": hosts}))


def test_without_an_incident_it_is_the_headline():
    data = sample.burst_data()
    data = replace(data, summary=replace(data.summary, standing=(HOSTS,), diagnosed=True))
    verdict = judge(data)

    assert (verdict.level, verdict.headline) == ("differs", SENTENCE)
    assert verdict.details[0] == "No incident was found."
    assert "4,324 of 200,000 rows (2.2%) differ" in verdict.details[1]


def test_it_is_shown_beside_incidents_everywhere():
    data = everything_data()
    data = replace(data, summary=replace(data.summary, standing=(HOSTS,)))

    assert judge(data).headline == judge(everything_data()).headline
    assert SENTENCE in " ".join(render_terminal(data, "r").replace("│", " ").split())
    assert SENTENCE in Page(render_html(data)).text
    assert standing_line(HOSTS) in Page(render_card(data, "r")).text
    (line,) = [line for line in brief_lines(data.summary, "r") if line.startswith("standing")]
    assert line.split(maxsplit=1) == ["standing", standing_line(HOSTS)]


def test_an_incident_of_what_stands_is_where_that_shows_most():
    data = everything_data()
    incident = replace(data.summary.incidents[0], standing=True)
    shown = replace(data, summary=replace(data.summary, incidents=(incident,)))

    assert judge(shown).headline.startswith("At all times, and most on 2026-11-20 from ")
    assert (
        "At all times, and most since "
        in judge(replace(data, summary=replace(data.summary, incidents=(replace(incident, permanent=True),)))).headline
    )
    assert str(incident).startswith("at all times, most 2026-11-20 ")
