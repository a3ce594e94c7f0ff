"""Incidents, the skew matrix and the families as labelled lines."""

from __future__ import annotations

from dataclasses import replace

from replay.report.summary import Summary
from replay.report.terminal.incidents import COMMANDS, FAMILIES_SHOWN, effect_lines, incident_lines
from tests.report import sample
from tests.report.everything import FIRST, SECOND, everything_data


def diagnosed(*incidents, **more) -> Summary:
    return sample.summary({"prod": sample.variant(None)}, incidents=incidents, diagnosed=True, **more)


def test_nothing_is_said_without_a_diagnosis():
    assert list(incident_lines(sample.bare_data().summary)) == []
    assert list(effect_lines(sample.bare_data().summary)) == []


def test_the_first_incident_is_the_headline_and_the_second_has_a_line():
    (text,) = [text for label, text, _ in incident_lines(diagnosed(FIRST, SECOND)) if label == "incident"]
    assert text.startswith("2. Since 2026-11-20 19:01 UTC, to the end of the window, 30.1% of the 58,120 rows")


def test_each_cause_comes_with_its_evidence():
    causes = [text for label, text, _ in incident_lines(diagnosed(FIRST)) if label == "cause"]
    assert causes == [
        "family counts_7d null: 96.1% of the mismatched rows; replayed on 1,707, it explains 96.1% "
        "(95% interval 95% to 96.9%)",
        "unexplained: 3.9% of the mismatched rows agree under no hypothesis that was tried",
    ]


def test_commands_are_those_to_paste():
    lines = {label: text for label, text, _ in incident_lines(diagnosed(FIRST)) if label in COMMANDS}
    assert lines == {"verify": FIRST.causes[0].command, "row": FIRST.examples[0].command}
    bare = replace(FIRST, causes=(replace(FIRST.causes[0], command=None),), examples=())
    assert not {label for label, _, _ in incident_lines(diagnosed(bare))} & set(COMMANDS)


def test_families_stand_in_columns():
    first = everything_data().summary.sensitivity[0]
    many = tuple(replace(first, family=name, value=0.5) for name in ("a", "long_name"))
    texts = [text for label, text, _ in effect_lines(diagnosed(sensitivity=many)) if not label]
    assert texts == ["a          0.5  (0.0368 to 0.0432)", "long_name  0.5  (0.0368 to 0.0432)"]


def test_families_beyond_the_first_are_counted():
    first = everything_data().summary.sensitivity[0]
    many = tuple(replace(first, family=f"f{index}") for index in range(FAMILIES_SHOWN + 2))
    texts = [text for _, text, _ in effect_lines(diagnosed(sensitivity=many))]
    assert texts[-1] == "and 2 more, in the report"
