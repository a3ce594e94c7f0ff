"""The slices as data: left out where the traffic has no segments, and read back as they were."""

from __future__ import annotations

from replay.report.summary import SliceFinding, SlicesSummary, Summary
from tests.report.sample import comparison, summary, variant

FOUND = SlicesSummary(8, 2, 24, 0.05, (SliceFinding("prod", "surface=home", "auc", 0.5, 0.75, 100, 1e-9),))


def test_they_come_back_from_the_summary():
    data = summary({"prod": variant(comparison(1000, 10))}, slices=FOUND).to_dict()
    assert data["slices"]["different"] == [
        {
            "variant": "prod",
            "slice": "surface=home",
            "metric": "auc",
            "value": 0.5,
            "rest": 0.75,
            "rows": 100,
            "p_value": 1e-9,
        }
    ]
    assert Summary.from_dict(data).slices == FOUND


def test_without_segments_the_key_is_left_out():
    assert "slices" not in summary({"prod": variant(comparison(1000, 10))}).to_dict()
