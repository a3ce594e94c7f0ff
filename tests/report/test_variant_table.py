from __future__ import annotations

import pytest

from replay.report.summary import Stability
from replay.report.variant import VariantSummary
from replay.report.variant_table import variant_table
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
    assert (bare.against_baseline, bare.labelled, bare.missing) == (False, False, False)
    full = variant_table(sample.burst_data().summary)
    assert (full.against_baseline, full.labelled) == (True, True)
    assert [line.baseline for line in full.lines] == [True, False]
    assert (full.lines[0].base_rate, full.lines[1].base_rate) == ("–", "83%")  # noqa: RUF001 (an en dash is none)
    found = sample.comparison(10, 0, missing_reference=3)
    lacking = variant_table(sample.summary({"prod": sample.variant(found)}))
    assert (lacking.missing, lacking.lines[0].missing) == (True, "3")


def test_unstable_scores_are_named():
    broken = VariantSummary("prod", None, 10, 10, None, None, Stability(2, 0, 1), {})
    (line,) = variant_table(sample.summary({"prod": broken})).lines
    assert line.unstable == "2 non-finite, 1 out of range"
    assert (line.magnitudes, line.share) == (None, 0.0)
