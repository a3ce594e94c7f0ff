from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from replay.diff.grid import DiffState
from replay.diff.measure import measure
from replay.diff.overall import OverallMeasures, score_blocks
from replay.diff.spec import ONLINE, DiffSpec, VariantColumn
from replay.metrics.cluster import cluster_codes
from tests.diff.oracle import KEPT, METRICS, SPECS, comparison, diffed, quality, second_pass
from tests.diff.table import SPEC


def test_clustered_intervals_overall_equal_the_plain_states():
    everything = np.ones(KEPT.num_rows, dtype=bool)
    result = measure(diffed(SPEC))
    for name, found in {**result.variants, ONLINE: result.online}.items():
        for metric in ("ne", "logloss", "calibration"):
            expected = quality(METRICS[metric], name, everything, SPEC)
            got = found.metrics[metric]
            assert (got.value, got.low, got.high) == pytest.approx(
                (expected.value, expected.low, expected.high), rel=1e-9
            )


@pytest.mark.parametrize("against", ["online", "baseline"])
def test_summaries_equal_the_plain_state(against):
    spec = SPECS["no label"]
    everything = np.ones(KEPT.num_rows, dtype=bool)
    for name, found in measure(diffed(replace(spec, group=None))).variants.items():
        got = found.vs_online if against == "online" else found.vs_baseline
        if name == spec.baseline and against == "baseline":
            assert got is None
        else:
            expected = comparison(name, against, everything, spec)
            ends = [got.pop("mean_delta_low", None), got.pop("mean_delta_high", None)]
            assert (None in ends) == (against == "baseline")
            assert got.pop("reasons") == expected.pop("reasons")
            assert got == pytest.approx(expected, rel=1e-9)


def test_paired_changes_are_differences_of_the_metrics():
    result = measure(diffed(SPEC), second_pass(diffed(SPEC)))
    base = result.variants["prod"].metrics
    for name in ("candidate", "prod/nulls", "candidate/nulls"):
        found, own = result.variants[name].vs_baseline["changes"], result.variants[name].metrics
        assert list(found) == ["auc_drop", "ne_increase", "calibration_shift"]
        assert found["auc_drop"].value == pytest.approx(base["auc"].value - own["auc"].value)
        assert found["ne_increase"].value == pytest.approx(own["ne"].value - base["ne"].value)
        assert found["calibration_shift"].value == pytest.approx(own["calibration"].value - base["calibration"].value)
        for change in found.values():
            assert change.low < change.value < change.high


def test_a_scenario_s_sums_are_added_to_its_checkpoint_s():
    spec = replace(SPECS["bare"], variants=SPEC.variants[:3])
    sums = np.arange(18.0).reshape(2, 9)  # the rows; then two columns of online, prod, candidate, and prod/nulls
    found = score_blocks(DiffState(spec), sums, 2)
    assert {name: block.tolist() for name, block in found.items()} == {
        ONLINE: [[1, 2], [10, 11]],
        "prod": [[3, 4], [12, 13]],
        "candidate": [[5, 6], [14, 15]],
        "prod/nulls": [[7 + 3, 8 + 4], [16 + 12, 17 + 13]],
    }


def test_a_design_effect_is_the_clustered_variance_over_that_of_independent_rows():
    spec = DiffSpec("online", (VariantColumn("prod", "prod"),), "prod", SPEC.tolerance, group="g", rejected=None)
    group = np.repeat(np.arange(600), 5)
    wrong = np.isin(group % 7, (2, 3))  # all rows of a group, or none
    table = pa.table({"online": np.full(3000, 0.5), "prod": np.where(wrong, 0.75, 0.5), "g": group})
    effect = OverallMeasures(diffed(spec, table), None).design_effect("prod", "online")

    rate = wrong.mean()
    sums = np.bincount(cluster_codes(group), weights=wrong - rate) / wrong.size
    occupied = sums[np.unique(cluster_codes(group))]
    assert effect["degrees"] == occupied.size - 1
    assert effect["design_effect"] == pytest.approx(
        occupied.size * occupied.var(ddof=1) / (rate * (1 - rate) / wrong.size), rel=1e-9
    )
    assert 4 < effect["design_effect"] < 6
    alone = OverallMeasures(diffed(replace(spec, group=None), table), None)
    assert alone.design_effect("prod", "online") == {}


@pytest.mark.parametrize("grouped", [True, False])
def test_the_interval_of_the_mean_difference(grouped):
    """Of rows by scipy; of groups, which differ alike, by the sums of clusters."""
    spec = DiffSpec("online", (VariantColumn("prod", "prod"),), "prod", SPEC.tolerance, group="g", rejected=None)
    spec = spec if grouped else replace(spec, group=None)
    group = np.repeat(np.arange(600), 5)
    online = np.random.default_rng(0).random(3000)
    delta = np.random.default_rng(1).normal(0.001, 0.01, 600)[group]
    table = pa.table({"online": online, "prod": online + delta, "g": group})

    found = measure(diffed(spec, table)).variants["prod"].vs_online

    low, high = stats.t.interval(0.95, 2999, delta.mean(), stats.sem(delta))
    if grouped:
        sums = np.bincount(cluster_codes(group), weights=delta - delta.mean())[np.unique(cluster_codes(group))] / 3000
        low, high = stats.t.interval(0.95, sums.size - 1, delta.mean(), np.sqrt(sums.size * sums.var(ddof=1)))
    assert (found["mean_delta_low"], found["mean_delta_high"]) == pytest.approx((low, high), rel=1e-4)


def test_out_of_range_are_scores_beyond_the_baseline_s():
    table = pa.table(
        {
            "online_score": [0.5] * 5,
            "prod": [0.2, 0.4, 0.6, None, np.nan],
            "candidate": [0.1, 0.2, 0.6, 0.7, np.inf],
            "prod/nulls": [None, 0.9, None, None, None],
            "candidate/nulls": pa.nulls(5, pa.float64()),
        }
    )
    overall = OverallMeasures(diffed(replace(SPECS["bare"], rejected=None), table), None)
    found = {name: overall.measure(name).stability["out_of_range"] for name in overall.histograms}
    assert found == {ONLINE: 0, "prod": 0, "candidate": 2, "prod/nulls": 1, "candidate/nulls": 2}
