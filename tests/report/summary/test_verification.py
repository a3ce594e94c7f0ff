"""A verification as data: read back as it was written."""

from __future__ import annotations

from dataclasses import replace

from replay.report.summary import Summary
from tests.report import sample
from tests.report.words.test_verification import CHECK, FOUND


def test_the_cause_that_was_asked_for_is_named_by_number():
    second = replace(CHECK, cause=3, words="another")
    found = replace(FOUND, causes=(CHECK, second), asked=3)
    assert found.check is second
    assert found.others == 196


def test_it_is_part_of_the_summary_where_there_is_one():
    summary = replace(sample.bare_data().summary, verification=FOUND)
    data = summary.to_dict()
    assert data["verification"]["causes"][0]["agreeing"] == 583
    assert data["verification"]["end"] == "2026-11-20T18:46:58.516001Z"
    assert Summary.from_dict(data).verification == FOUND
    assert "verification" not in sample.bare_data().summary.to_dict()
