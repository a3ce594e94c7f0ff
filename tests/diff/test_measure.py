from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from scipy.special import logit

from replay.diff.grid import DiffState
from replay.diff.measure import bucket_counts, measure
from replay.diff.spec import ONLINE, DiffSpec, VariantColumn
from tests.diff.oracle import KEPT, SPECS, TABLE, comparison, diffed, slices_of
from tests.diff.table import ROWS, SPEC, batches, filled

LABELS = (
    "label 'label' is not 0/1: found 2 in 14 rows, in no quality metric; name a column that is 0 or 1, or compute one "
    "by `traffic.columns`"
)


def test_counts_of_the_whole_table():
    result = measure(diffed(SPEC))
    times = [time for time in KEPT.column("event_time").to_pylist() if time is not None]
    label, weight = KEPT.column("label").to_numpy(), KEPT.column("weight").to_numpy()
    rejected = TABLE.column("rejected").to_pylist()
    assert result.rows + sum(result.rejected.values()) == ROWS
    assert result.rejected == {reason: rejected.count(reason) for reason in ("bad_length", "no_default")}
    assert (result.first, result.last, result.no_time) == (min(times), max(times), KEPT.num_rows - len(times))
    assert result.bucket == timedelta(minutes=1)
    binary = np.isin(label, (0, 1))
    assert result.labels == {
        "null": np.isnan(label).sum(),
        "invalid": (label == 2).sum(),
        "invalid_weight": (binary & ~(weight >= 0)).sum(),
    }
    assert result.notes == (LABELS,)
    for name, found in result.variants.items():
        values, valid = filled(KEPT, SPEC, name)
        own = KEPT.column(name)
        finite = valid & np.isfinite(values)
        base, there = filled(KEPT, SPEC, "prod")
        low, high = (extreme(base[there & np.isfinite(base)]) for extreme in (np.min, np.max))
        assert found.rows == KEPT.num_rows
        assert found.rows_scored == KEPT.num_rows - own.null_count
        assert found.missing == (~valid).sum()
        assert found.stability == {
            "non_finite": (valid & ~finite).sum(),
            "saturated": ((values[finite] <= 1e-6) | (values[finite] >= 1 - 1e-6)).sum(),
            "out_of_range": ((values[finite] < low) | (values[finite] > high)).sum(),
            "largest_logit": pytest.approx(
                np.abs(logit(values[finite & (values > 0) & (values < 1)])).max(), rel=1e-12
            ),
        }
    assert result.variants["prod/nulls"].stability["out_of_range"] > 0
    assert result.variants["prod/nulls"].stability["saturated"] > 0


@pytest.mark.parametrize("against", ["online", "baseline"])
def test_bucket_counts_are_there_for_every_slice_and_minute(against):
    found = bucket_counts(diffed(SPEC), "candidate/nulls", against)
    rows = {(row["slice"], row["bucket"]): row for row in found.to_pylist()}
    slices = slices_of(SPEC)
    buckets = {bucket: mask for (_, bucket), mask in slices.items() if bucket is not None}
    expected = 0
    for (name, only), mask in slices.items():
        for bucket, of_bucket in buckets.items():
            both = mask & of_bucket
            if only is None and both.any():
                expected += 1
                compared = comparison("candidate/nulls", against, both, SPEC)
                row = rows[name, bucket]
                assert row["rows"] == both.sum()
                assert (row["compared"], row["mismatched"]) == (compared["compared"], compared["mismatched"])
    assert found.num_rows == expected


def test_bucket_counts_need_a_time_and_a_variant():
    for spec, name in ((SPECS["no time"], "prod"), (SPEC, "typo"), (SPEC, ONLINE)):
        with pytest.raises(ValueError, match="needs a time column and that variant"):
            bucket_counts(diffed(spec), name)


def test_few_bins_keep_the_auc_within_its_noted_bound():
    spec = replace(SPECS["no weight"], score_bins=32, slice_bins=64)
    result, exact = measure(diffed(spec)), measure(diffed(SPECS["no weight"]))
    for name, found in result.variants.items():
        error = abs(found.metrics["auc"].value - exact.variants[name].metrics["auc"].value)
        assert error <= found.error_bounds["auc"]
    labels, whole, slices = result.notes
    assert labels == LABELS
    assert "auc over all rows" in whole
    assert "share 32 bins" in whole
    assert "auc of slices" in slices
    assert "share 64 bins" in slices
    bound = float(slices.split("within ")[1].split()[0])
    aucs = [[row for row in one.metric_rows if row.metric == "auc" and row.slice != "all"] for one in (result, exact)]
    errors = [abs(found.value - true.value) for found, true in zip(*aucs, strict=True)]
    assert 0 < max(errors) <= bound * 1.05


def test_a_small_error_of_binning_is_data_and_no_note():
    checkpoints = replace(SPECS["no weight"], variants=SPEC.variants[:2], score_bins=700, slice_bins=2048)
    result = measure(diffed(checkpoints))
    bounds = {row.variant: row.value for row in result.metric_rows if row.metric == "auc_error_bound"}
    assert 0 < max(bounds.values()) < 1e-3
    assert bounds == {
        name: found.error_bounds["auc"] for name, found in {ONLINE: result.online, **result.variants}.items()
    }
    assert result.notes == (LABELS,)


@pytest.mark.parametrize(("value", "expected"), [(1.25, None), (-0.1, None), (1.0, 0.0), (1e-9, 20.72326583594641)])
def test_the_largest_logit_is_of_probabilities_alone(value, expected):
    spec = DiffSpec("online", (VariantColumn("prod", "prod"),), "prod", SPEC.tolerance, rejected=None)
    table = pa.table({"online": [0.5, 0.5, 0.5], "prod": [0.5, value, np.nan]})
    result = measure(DiffState(spec).update(table.to_batches()[0]))
    assert result.variants["prod"].stability["largest_logit"] == (None if expected is None else pytest.approx(expected))
    row = next(row for row in result.metric_rows if row.metric == "largest_logit" and row.variant == "prod")
    assert (row.value is None) == (row.reason is not None) == (expected is None)


def test_only_certain_scores_have_no_logit():
    spec = DiffSpec("online", (VariantColumn("prod", "prod"),), "prod", SPEC.tolerance, rejected=None)
    state = DiffState(spec).update(pa.table({"online": [0.5, 0.5], "prod": [0.0, 1.0]}).to_batches()[0])
    assert measure(state).variants["prod"].stability["largest_logit"] is None


def test_an_empty_table_is_undefined_not_wrong():
    result = measure(DiffState(SPEC).update(batches(TABLE)[1][0]))
    assert (result.rows, result.first, result.metric_rows[0].value) == (0, None, 0.0)
    for found in result.variants.values():
        assert found.vs_online["mismatch_rate"] is None
        assert found.metrics["auc"].reason == "no row has a finite score, a 0/1 label and a weight"
