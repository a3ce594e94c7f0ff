from __future__ import annotations

import pytest

from replay.report.html.sections.accounting import row_parts, time_parts
from replay.report.summary import Reconciliation, Timings


def test_rows_that_are_nowhere_are_a_part():
    parts = row_parts(Reconciliation(100, 10, {"null_without_default": 3}, 80))
    assert [(part.label, part.amount, part.kind) for part in parts] == [
        ("scored", "80", "scored"),
        ("filtered", "10", "filtered"),
        ("rejected: null_without_default", "3", "rejected"),
        ("unaccounted for", "7", "unaccounted"),
    ]
    assert sum(part.share for part in parts) == pytest.approx(1)


def test_nothing_read_is_no_division_by_zero():
    assert [part.share for part in row_parts(Reconciliation(0, 0, {}, 0))] == [0, 0]
    assert sum(part.share for part in time_parts(Timings())) == 0


def test_times_add_up_to_the_wall():
    """Seconds of tasks are no part of it; what no part is named for is one of its own, and no part of it is no line."""
    parts = time_parts(Timings(score=60.0, start=4.0, scoring=2.0, diff=1.0, wall=8.0))
    assert [(part.label, part.share) for part in parts] == [
        ("start", 0.5),
        ("scoring", 0.25),
        ("diff", 0.125),
        ("other", 0.125),
    ]
