from __future__ import annotations

from dataclasses import replace

import pytest

from replay.report.html.sections.variants import VARIANTS_SHOWN, variant_table
from replay.report.summary import Stability, VariantSummary
from tests.report import sample


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
    (line,) = variant_table(sample.summary({"prod": sample.variant(same)})).lines
    assert (line.magnitudes.p50, line.magnitudes.most, line.max_abs) == (0.0, 0.0, "0")


def test_columns_follow_what_is_known():
    bare = variant_table(sample.bare_data().summary)
    assert (bare.missing, bare.stability) == (False, True)
    full = variant_table(sample.burst_data().summary)
    assert full.stability is False  # the table of effects tells it
    assert [line.baseline for line in full.lines] == [True, False]
    found = sample.comparison(10, 0, missing_reference=3)
    lacking = variant_table(sample.summary({"prod": sample.variant(found)}))
    assert (lacking.missing, lacking.lines[0].missing) == (True, "3")


def test_unstable_scores_are_named():
    broken = VariantSummary("prod", None, 10, 10, None, None, Stability(2, 0, 1), {})
    (line,) = variant_table(sample.summary({"prod": broken})).lines
    assert line.unstable == "2 non-finite, 1 out of range"
    assert (line.magnitudes, line.share) == (None, 0.0)


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
    assert table.lines[0].baseline
