"""The window, the tolerance and the rows of a run in words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from replay.report.summary import NoiseFloorSummary, Reconciliation, TimeRange, TrafficSummary
from replay.report.summary.data import ReportData
from replay.report.words.run import reconciliation_text, tolerance_text, window_text
from tests.report import sample
from tests.report.sample import START

HOURS = timedelta(hours=1)


def with_window(window: TimeRange | None, *, rows: bool = False) -> ReportData:
    found = sample.clean_data()
    described = sample.summary(found.summary.variants, traffic=TrafficSummary(path="t", window=window))
    return ReportData(described, found.rows if rows else ())


@pytest.mark.parametrize(
    ("window", "text"),
    [
        (TimeRange(START, START + 3 * HOURS), "2026-11-20 17:00 to 20:00 UTC"),
        (TimeRange(START, START + 7 * HOURS), "2026-11-20 17:00 to 2026-11-21 00:00 UTC"),
        (TimeRange(START, None), "2026-11-20 17:00 to open UTC"),
        (TimeRange(None, START), "open to 2026-11-20 17:00 UTC"),
        (None, "all times"),
    ],
)
def test_the_window_is_written_as_short_as_it_can(window, text):
    assert window_text(with_window(window)) == text


def test_without_a_window_the_buckets_tell():
    assert window_text(with_window(None, rows=True)) == "2026-11-20 17:00 to 20:00 UTC"


def test_the_noise_floor_reads_as_the_tolerance_does():
    assert tolerance_text(NoiseFloorSummary(2e-7, 3e-6, 0.01)) == "|replayed - online| <= 2e-7 + 3e-6 * |online|"
    assert tolerance_text(None) == ""


def test_rejected_rows_are_listed_by_reason_and_missing_ones_are_loud():
    text = reconciliation_text(Reconciliation(2_000, 0, {"null_without_default": 1_500, "unknown_value": 0}, 400))
    assert text == (
        "2,000 read = 400 scored + 0 filtered + 1,500 rejected (1,500 null_without_default)"
        " + 100 UNACCOUNTED FOR: the run is at fault"
    )
