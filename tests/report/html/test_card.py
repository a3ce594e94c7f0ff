"""A run as a notebook shows it: a fragment that is whole, escaped, and loads nothing."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from replay.report.html.card import render_card
from replay.report.summary import GateVerdict
from replay.report.verdict import judge
from tests.report import sample
from tests.report.everything import everything_data
from tests.report.html.page_reader import Page

DATA = {
    "burst": sample.burst_data,
    "clean": sample.clean_data,
    "wrong": sample.wrong_data,
    "bare": sample.bare_data,
    "everything": everything_data,
}


@pytest.mark.parametrize("name", list(DATA))
def test_it_is_one_box_that_needs_nothing_else(name: str):
    data = DATA[name]()
    text = render_card(data, "out/report.html")
    page = Page(text)
    assert page.wrong == []
    assert page.scripts == []
    assert page.elements[0] == ("div", {"class": f"replay-card {judge(data).level}"})
    assert not any({"src", "href", "id", "onclick"} & attrs.keys() for _, attrs in page.elements)
    assert not re.search(r"@import|url\(|://", text)
    assert judge(data).headline in page.texts
    assert "out/report.html" in page.texts
    assert len(text) < 20_000


def test_its_styles_are_about_itself_alone():
    style = re.search(r"<style>(.*?)</style>", render_card(sample.clean_data(), "r"), re.DOTALL)
    assert style is not None
    rules = re.findall(r"([^{}]+)\{[^{}]*\}", style[1])
    assert rules
    for rule in rules:
        for selector in rule.split(","):
            assert selector.strip().startswith(".replay-card")
    assert "background: transparent" in style[1]  # the colours of the page around it, light or dark


def test_incidents_gates_and_warnings_are_in_it():
    data = everything_data()
    text = " ".join(" ".join(Page(render_card(data, "r")).texts).split())
    for incident in data.summary.incidents:
        assert str(incident) in text
    assert "failed prod against online: mismatch_rate ≤ 0.001 measured 0.0216" in text
    assert data.summary.warnings[0] in text


def test_time_is_drawn_where_something_differs():
    def drawn(data):
        return [tag for tag, _ in Page(render_card(data, "r")).elements].count("svg")

    assert (drawn(sample.burst_data()), drawn(sample.clean_data()), drawn(sample.bare_data())) == (1, 0, 0)


def test_a_search_without_incidents_says_so_and_more_than_five_are_counted():
    clean = sample.clean_data()
    assert "No incident was found." not in render_card(clean, "r")
    searched = replace(clean, summary=replace(clean.summary, diagnosed=True))
    assert "No incident was found." in Page(render_card(searched, "r")).texts
    data = everything_data()
    many = replace(data, summary=replace(data.summary, incidents=data.summary.incidents[:1] * 8))
    assert "and 3 more incidents, in the report" in Page(render_card(many, "r")).texts


def test_what_comes_from_outside_is_escaped():
    data = everything_data()
    evil = "<script>alert(1)</script>"
    incident = replace(data.summary.incidents[0], segments={"surface": evil})
    gate = GateVerdict(evil, "online", "mismatch_rate", 0.0, "failed", max=0.001)
    summary = replace(data.summary, incidents=(incident,), gates=(gate,), warnings=(evil,), run_id=evil)
    text = render_card(replace(data, summary=summary), f"{evil}/report.html")
    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 5
