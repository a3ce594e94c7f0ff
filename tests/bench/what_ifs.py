"""The scenarios that are measured."""

from __future__ import annotations

from tests.bench.case import Case

FEW, SHARE = 20, 0.05
"""Scenarios that touch few rows each, and which share."""
ALL = 8
"""Scenarios that touch all rows."""


def make_scenarios(case: Case, count: int, rate: float) -> dict[str, list[dict[str, object]]]:
    """So many scenarios of one step each: the operations and the families take turns."""
    operations: tuple[dict[str, object], ...] = (
        {"op": "nulls"},
        {"op": "constant", "value": 1},
        {"op": "scale", "factor": 0.5},
        {"op": "nulls"},
        {"op": "clip", "min": 0, "max": 10},
    )
    families = list(case.families())
    return {
        f"s{place:02}": [
            {**operations[place % len(operations)], "families": [families[place % len(families)]], "rate": rate}
        ]
        for place in range(count)
    }
