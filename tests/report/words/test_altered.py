"""Told where many values are altered, and only there."""

from __future__ import annotations

import pytest

from replay.rehearsal.altered import AlteredFeature
from replay.report.words.altered import altered_warnings


def found(**more: object) -> AlteredFeature:
    return AlteredFeature("ids", "store", 400, 400, **more)


@pytest.mark.parametrize(
    ("feature", "said"),
    [
        (
            found(unknown=296, unknown_values={"7": 120, "10": 90, "11": 80, "12": 4}, unknown_distinct=6),
            "296 of 400 sampled values (74%) of store are not in the vocabulary of input ids, and get the index of "
            "`unknown`: 7 (120), 10 (90), 11 (80) and 3 more",
        ),
        (
            found(missing=380),
            "store is null in 380 of 400 sampled rows (95%), which get the value of `missing` (input ids)",
        ),
        (
            found(rounded=399, rounded_example="16777217 becomes 16777216"),
            "399 of 400 sampled values (99.8%) of store are whole numbers that float32 rounds (16777217 becomes "
            "16777216): if they are ids, give them an input of int64 (input ids)",
        ),
    ],
    ids=["unknown", "missing", "rounded"],
)
def test_many(feature: AlteredFeature, said: str):
    assert list(altered_warnings([feature])) == [said]


@pytest.mark.parametrize("feature", [found(unknown=19), found(missing=359), found(missing=400), found(rounded=3)])
def test_few(feature: AlteredFeature):
    assert list(altered_warnings([feature])) == []
