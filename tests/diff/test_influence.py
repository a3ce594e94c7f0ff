from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from replay.diff.grid import DiffState
from replay.diff.influence import InfluencePlan, InfluenceState, filled_histogram
from replay.diff.measure import measure
from replay.metrics.kinds.auc import Auc
from tests.diff.oracle import KEPT, SPECS, diffed, second_pass
from tests.diff.table import SPEC, batches, filled, scores_table
from tests.metrics.state_tester import check_state

TABLE = scores_table()


def columns(name, spec):
    values, valid = filled(KEPT, spec, name)
    weight = None if spec.weight is None else KEPT.column("weight").to_numpy()
    return np.where(valid, values, np.nan), KEPT.column("label").to_numpy(), weight


def first_pass(name, spec):
    return Auc().update(*columns(name, spec)).histogram


@pytest.mark.parametrize("grouped", [True, False])
@pytest.mark.parametrize("name", ["candidate", "prod/nulls", "candidate/nulls"])
def test_paired_interval_equals_the_plain_state(name, grouped):
    spec = SPEC if grouped else SPECS["no group"]
    state = diffed(spec)
    found = measure(state, second_pass(state)).variants[name].vs_baseline["changes"]["auc_drop"]
    score, label, weight = columns(name, spec)
    cluster = KEPT.column("request_id").to_numpy() if grouped else None
    expected = Auc.measure_change(score, columns("prod", spec)[0], label, weight, cluster)
    got = (found.value, found.low, found.high)
    assert got == pytest.approx((expected.value, expected.low, expected.high), rel=1e-6)


def test_clustered_auc_equals_the_plain_state():
    state = diffed(SPEC)
    without, result = measure(state), measure(state, second_pass(state))
    cluster = KEPT.column("request_id").to_numpy()
    for name, found in result.variants.items():
        expected = Auc.measure(*columns(name, SPEC), cluster)
        got = found.metrics["auc"]
        assert (got.value, got.low, got.high) == pytest.approx((expected.value, expected.low, expected.high), rel=1e-7)
        blind = without.variants[name].metrics["auc"]
        assert (blind.value, blind.low, blind.high) == (got.value, None, None)
        assert found.metrics["log_mae"].low <= found.metrics["log_mae"].value < found.metrics["log_mae"].high


@pytest.mark.parametrize("spec", [SPEC, SPECS["no group"]], ids=["grouped", "paired"])
def test_shards_in_any_order_are_one_pass(spec):
    plan = InfluencePlan.of(diffed(spec))

    def compute(state):
        state.flush()
        sums = {**state.by_cluster, **state.paired_squares}
        return {name: values.tolist() for name, values in sums.items()}

    check_state(lambda: InfluenceState(plan), batches(TABLE), compute, rel=1e-7)
    passed = second_pass(diffed(spec))
    assert compute(InfluenceState.unpacked(passed.to_bytes(), plan)) == compute(passed)


def test_needed_only_where_it_adds_something():
    assert InfluencePlan.of(diffed(SPEC)).needed
    assert InfluencePlan.of(diffed(SPECS["no group"])).needed
    assert not InfluencePlan.of(diffed(SPECS["no label"])).needed
    alone = replace(SPECS["no group"], variants=SPEC.variants[:1])
    assert not InfluencePlan.of(diffed(alone)).needed


def test_a_scenarios_histogram_is_that_of_its_filled_scores():
    state = diffed(SPEC)
    for name in ("prod/nulls", "candidate/nulls"):
        found, expected = filled_histogram(state, name), first_pass(name, SPEC)
        places = np.searchsorted(found.keys, expected.keys)
        assert np.array_equal(found.keys[places], expected.keys)
        for label in (0, 1):
            assert found.weights(label)[places] == pytest.approx(expected.weights(label), abs=1e-12)
            assert found.weights(label).sum() == pytest.approx(expected.weights(label).sum())


def test_other_rows_than_in_the_first_pass_are_refused():
    state = InfluenceState(InfluencePlan.of(diffed(SPEC)))
    with pytest.raises(ValueError, match="both must read the same rows"):
        state.update(batches(scores_table(seed=1))[-1][0]).flush()


def test_an_empty_first_pass_needs_no_second():
    assert not InfluencePlan.of(DiffState(SPEC)).needed
