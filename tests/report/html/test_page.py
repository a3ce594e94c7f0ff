from __future__ import annotations

from dataclasses import replace

import pytest

from replay.report.html.page import SECTIONS, make_page
from replay.report.html.render import _TEMPLATES, render_html
from replay.report.summary.data import ReportData
from replay.report.words.verification import verification_answer, verification_sentence
from tests.report import sample
from tests.report.audits.found import AUDIT
from tests.report.everything import everything_data
from tests.report.words.test_verification import CHECK, FOUND


def test_key_figures_are_of_the_baseline():
    facts = make_page(sample.burst_data()).facts
    assert [(fact.label, fact.value) for fact in facts] == [
        ("Rows compared", "200,000"),
        ("Beyond the tolerance", "2.2%"),
        ("Largest difference", "0.413"),
        ("AUC, replayed", "0.7312"),
    ]
    assert facts[3].note == "online 0.7188"


def test_key_figures_without_a_label_or_a_comparison():
    assert [fact.label for fact in make_page(sample.bare_data()).facts] == [
        "Rows compared",
        "Beyond the tolerance",
        "Largest difference",
    ]
    nothing = ReportData(sample.summary({"prod": sample.variant(None, auc=None)}))
    assert [(fact.label, fact.value) for fact in make_page(nothing).facts] == [("Rows compared", "0")]


def test_every_section_has_its_template_and_no_template_is_left_over():
    templates = {path.name for path in (_TEMPLATES / "sections").iterdir()}
    assert templates == {f"{section.name}.html.j2" for section in SECTIONS}


def test_sections_stand_in_the_order_of_the_table():
    shown = [section.name for section, _ in make_page(everything_data()).sections]
    absent = {"order", "verification", "audits"} - {*shown}
    assert shown == [section.name for section in SECTIONS if section.name not in absent]


def test_a_page_of_an_audit_answers_both_questions():
    """Whether the replay reproduces the online scores stays what it is, whatever the features do."""
    data = sample.clean_data()
    page = make_page(replace(data, summary=replace(data.summary, audits={"logging": AUDIT})))
    assert (page.verdict.level, page.answer) == ("differs", "The replay reproduces the online scores")
    assert page.verdict.headline.startswith("1 of 12 features differs from served and matters")


@pytest.mark.parametrize(("holds", "level"), [(True, "agrees"), (False, "differs")])
def test_a_page_about_a_cause_begins_with_it(holds: bool, level: str):
    found = replace(FOUND, causes=(replace(CHECK, holds=holds, variant="prod"),))
    summary = replace(everything_data().summary, verification=found, incidents=())
    page = make_page(replace(everything_data(), summary=summary))
    assert (page.verdict.level, page.answer) == (level, verification_answer(found))
    assert page.verdict.headline == verification_sentence(found)
    assert page.sections[0][0].name == "verification"
    text = render_html(replace(everything_data(), summary=summary))
    assert "583 of 583" in text
    assert "190 of 196" in text
