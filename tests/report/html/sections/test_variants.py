from __future__ import annotations

from dataclasses import replace

import pytest

from replay.report.html.sections.variants import VARIANTS_SHOWN, variant_table
from replay.report.summary import Stability, VariantSummary
from replay.report.summary.data import ReportData
from replay.report.words.numbers import MISSING
from tests.report import sample
from tests.report.html.page_reader import section_text


def test_distances_lie_on_a_logarithmic_axis():
    table = variant_table(sample.burst_data().summary)
    axis = [(tick.at, tick.label) for tick in table.ticks]
    assert (axis[0], axis[-1]) == ((0.0, "1e-9"), (1.0, "1"))
    size = table.lines[0].magnitudes  # median 7.4e-9, 99th percentile 0.021, largest 0.4127, between 1e-9 and 1
    assert size.p50 == pytest.approx(0.8692 / 9, abs=1e-4)
    assert size.p99 == pytest.approx(7.3222 / 9, abs=1e-4)
    assert size.most == pytest.approx(8.6156 / 9, abs=1e-4)
    assert table.tolerance == pytest.approx(3 / 9)


def test_a_distance_of_zero_is_at_the_edge():
    same = sample.comparison(10, 0, p50_abs=0.0, p99_abs=0.0, max_abs=0.0, mean_abs=0.0)
    summary = sample.summary({"prod": sample.variant(same)})
    (line,) = variant_table(summary).lines
    assert (line.magnitudes.p50, line.magnitudes.most) == (0.0, 0.0)
    # rows scored, share beyond the tolerance, mean difference, median and largest (drawn), largest, correlation
    assert "prod baseline 200,000 0% −2e-10 0 >0.9999" in section_text(ReportData(summary), "variants")  # noqa: RUF001


def test_columns_follow_what_is_known():
    bare = variant_table(sample.bare_data().summary)
    assert (bare.missing, bare.stability) == (False, True)
    full = variant_table(sample.burst_data().summary)
    assert full.stability is False  # the table of effects tells it
    assert [line.name for line in full.lines] == ["prod", "candidate"]
    assert section_text(sample.burst_data(), "variants").count("baseline") == 2  # and the legend
    found = sample.comparison(10, 0, missing_reference=3)
    lacking = sample.summary({"prod": sample.variant(found)})
    assert variant_table(lacking).missing
    assert "Not compared" in section_text(ReportData(lacking), "variants")
    assert ">0.9999 3" in section_text(ReportData(lacking), "variants")


def test_unstable_scores_are_named():
    broken = VariantSummary("prod", None, 10, 10, None, None, Stability(2, 0, 1), {})
    summary = sample.summary({"prod": broken})
    (line,) = variant_table(summary).lines
    assert (line.magnitudes, line.online.mismatch_rate) == (None, None)
    dash = MISSING
    assert f"{dash} {dash} {dash} {dash} 2 non-finite" in section_text(ReportData(summary), "variants")


def test_checkpoints_come_before_scenarios_and_those_furthest_from_online_first():
    def scenario(wrong):
        return replace(sample.variant(sample.comparison(100, wrong)), scenario="x")

    plain = sample.variant(sample.comparison(100, 1))
    variants = {"prod/a": scenario(1), "new": plain, "prod/b": scenario(50), "prod": plain}
    table = variant_table(sample.summary(variants, baseline="prod"))
    assert [line.name for line in table.lines] == ["prod", "new", "prod/b", "prod/a"]


def test_many_variants_are_folded():
    table = variant_table(sample.many_data(num_variants=40, num_buckets=60).summary)
    assert (len(table.lines), len(table.more)) == (VARIANTS_SHOWN, 40 - VARIANTS_SHOWN)
    assert table.lines[0].name == "prod"
