"""Altered values as they stand in the summary."""

from __future__ import annotations

from dataclasses import fields

from replay.rehearsal.altered import AlteredFeature
from replay.report.summary import AlteredValues


def test_it_holds_what_the_rehearsal_counts():
    assert {each.name for each in fields(AlteredValues)} == {each.name for each in fields(AlteredFeature)}
    made = AlteredFeature("ids", "store", 4, 3, unknown=2, unknown_values={"7": 2}, unknown_distinct=1)
    assert AlteredValues(**made.to_dict()) == AlteredValues(
        "store", "ids", 4, 3, unknown=2, unknown_values={"7": 2}, unknown_distinct=1
    )
