from __future__ import annotations

import pytest

from replay.report.html.sections.slices import SLICED_VARIANTS, SLICES_SHOWN, slice_tables
from replay.report.summary.data import ReportData
from tests.report import sample
from tests.report.html.page_reader import section_text
from tests.report.sample import metric


def test_slices_are_cut_and_say_so():
    rows = [metric("prod", "mismatch_rate", 0.1, 10, where=f"country={place}") for place in range(SLICES_SHOWN + 7)]
    data = ReportData(sample.clean_data().summary, tuple(rows))
    ((name, (table,)),) = slice_tables(data, "prod")
    assert (name, table.segment, len(table.lines), table.left_out) == ("prod", "country", SLICES_SHOWN, 7)
    assert table.columns == ()


def test_only_some_variants_are_sliced():
    names = [f"v{place}" for place in range(SLICED_VARIANTS + 3)]
    rows = [metric(name, "mismatch_rate", 0.1, 10, where="s=1") for name in names]
    described = sample.summary({name: sample.variant(sample.comparison(10, 1)) for name in names})
    tables = slice_tables(ReportData(described, tuple(rows)), "v3")
    assert [name for name, _ in tables] == ["v3", "v0", "v1", "v2", "v4", "v5"]


def test_a_slice_shows_its_rate_and_quality():
    (name, segments), *_ = slice_tables(sample.burst_data(), "prod")
    assert (name, [segment.segment for segment in segments]) == ("prod", ["surface", "country"])
    home, cells = segments[0].lines[0]
    assert (home.value, home.compared, home.mismatched) == ("home", 92_000, 4_323)
    assert home.rate == pytest.approx(4_323 / 92_000)
    assert "home 92,000 4,323 4.7%" in section_text(sample.burst_data(), "slices")
    assert segments[0].columns == ("AUC", "Calibration")
    assert cells[0].text == "0.742"
    assert cells[0].reference < cells[0].at
