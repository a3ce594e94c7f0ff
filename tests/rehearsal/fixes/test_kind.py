"""The registry of kinds."""

from __future__ import annotations

from replay.rehearsal.fixes.kind import FIXES


def test_the_commonest_come_first():
    assert list(FIXES) == [
        "head",
        "link",
        "scale",
        "clip",
        "rounding",
        "order",
        "inputs swapped",
        "offset",
        "unknown",
        "missing",
        "log1p",
    ]


def test_what_may_be_about_few_rows():
    assert [name for name, kind in FIXES.items() if kind.for_some] == ["clip", "unknown", "missing"]
