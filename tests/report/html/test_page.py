from __future__ import annotations

from datetime import timedelta

import pytest

from replay.report.data import ReportData
from replay.report.html.page import make_page, window_text
from replay.report.summary import TimeRange, TrafficSummary
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


def test_what_is_not_known_is_not_listed():
    about = dict(make_page(sample.bare_data()).about)
    assert about["Traffic"] == "/data/t"
    assert not {"Table", "Filter", "Sample", "Time bucket", "Noise floor"} & set(about)
