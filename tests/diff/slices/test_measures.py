from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from replay.diff.measure import measure
from replay.diff.spec import ONLINE, DiffSpec, VariantColumn
from replay.metrics.kinds.calibration import Calibration
from tests.diff.oracle import METRICS, SPECS, comparison, diffed, quality, slices_of
from tests.diff.table import SPEC


@pytest.mark.parametrize("spec", [SPECS["no group"], SPECS["no weight"]], ids=["weighted", "unweighted"])
def test_quality_of_every_slice_equals_the_plain_states(spec):
    rows = {(r.variant, r.slice, r.bucket, r.metric): r for r in measure(diffed(spec)).metric_rows if r.against is None}
    checked = 0
    for (name, bucket), mask in slices_of(spec).items():
        for variant in (ONLINE, *(one.name for one in spec.variants)):
            for metric, make in METRICS.items():
                if bucket is not None and metric in ("auc", "log_mae"):
                    continue
                found, expected = rows[variant, name, bucket, metric], quality(make, variant, mask, spec)
                assert (found.rows, found.reason) == (expected.rows, expected.reason)
                got = [found.value, found.low, found.high, found.positives]
                wanted = [expected.value, expected.low, expected.high, expected.positives]
                for one, other in zip(got, wanted, strict=True):
                    assert one == (None if other is None else pytest.approx(other, rel=1e-7))
                checked += 1
    assert checked == 5 * (7 * 5 + 8 * 3)  # scores x (all + four surfaces + two tiers, buckets)


def test_clustered_intervals_of_slices_are_near_the_plain_states():
    # A slice has 64 random groups, the plain state 1024: the same variance, estimated less precisely.
    rows = {(r.variant, r.slice, r.bucket, r.metric): r for r in measure(diffed(SPEC)).metric_rows if r.against is None}
    for (name, bucket), mask in slices_of(SPEC).items():
        if bucket is None and name != "all":
            found, expected = rows["prod", name, bucket, "calibration"], quality(Calibration, "prod", mask, SPEC)
            assert found.value == pytest.approx(expected.value, rel=1e-9)
            if expected.low is None:
                assert (found.low, found.reason[:12]) == (None, expected.reason[:12])
                continue
            assert found.high - found.low == pytest.approx(expected.high - expected.low, rel=0.35)


@pytest.mark.parametrize("against", ["online", "baseline"])
def test_comparisons_of_every_slice_equal_the_plain_state(against):
    spec = SPECS["no group"]
    rows = {
        (r.variant, r.slice, r.bucket, r.metric): r for r in measure(diffed(spec)).metric_rows if r.against == against
    }
    for (name, bucket), mask in slices_of(spec).items():
        for variant in (one.name for one in spec.variants):
            if against == "baseline" and variant == spec.baseline:
                assert (variant, name, bucket, "mismatch_rate") not in rows
                continue
            expected = comparison(variant, against, mask, spec)
            found = rows[variant, name, bucket, "mismatch_rate"]
            assert (found.value, found.rows) == (expected["mismatch_rate"], expected["compared"])
            assert (found.low, found.high) == pytest.approx(
                (expected["mismatch_rate_low"], expected["mismatch_rate_high"])
            )
            for metric in ("mean_abs", "mean_delta"):
                assert rows[variant, name, bucket, metric].value == pytest.approx(expected[metric], rel=1e-9, abs=1e-15)


def test_changes_of_every_slice_are_differences_of_the_plain_states():
    spec = SPECS["no group"]
    rows = {(r.variant, r.slice, r.bucket, r.metric): r for r in measure(diffed(spec)).metric_rows}
    checked = 0
    for (name, bucket), mask in slices_of(spec).items():
        if (name, bucket) == ("all", None):
            continue  # these have intervals too
        for variant in ("candidate", "prod/nulls", "candidate/nulls"):
            for change, metric, sign in (("auc_drop", "auc", -1), ("ne_increase", "ne", 1)):
                if bucket is not None and metric == "auc":
                    assert (variant, name, bucket, change) not in rows
                    continue
                found = rows[variant, name, bucket, change]
                own, base = (quality(METRICS[metric], each, mask, spec).value for each in (variant, spec.baseline))
                assert found.value == pytest.approx(sign * (own - base), rel=1e-6, abs=1e-12)
                assert (found.against, found.low, found.high) == ("baseline", None, None)
                checked += 1
        assert (spec.baseline, name, bucket, "ne_increase") not in rows
    assert checked == 3 * (6 * 2 + 8)  # variants x (four surfaces + two tiers, buckets)


@pytest.mark.parametrize(
    ("step", "told"),
    [(1e-6, False), (1e-9, False), (1e-14, True)],
    ids=["apart", "float64 alone", "nearer than slices keep"],
)
def test_that_slices_cannot_tell_scores_apart_is_said_where_it_may_matter(step, told):
    rows = np.arange(400)
    scores = 0.3 + step * (rows // 4)  # each of four rows, of either label: true ties are no matter
    table = pa.table({"online": scores, "prod": scores, "y": rows % 2 * 1.0, "s": np.where(rows % 8 < 4, "a", "b")})
    spec = DiffSpec(
        "online", (VariantColumn("prod", "prod"),), "prod", SPEC.tolerance, label="y", segments=("s",), rejected=None
    )
    result = measure(diffed(spec, table))
    assert any("of slices is within" in note for note in result.notes) == told
    assert result.variants["prod"].error_bounds["auc"] == 0.0
