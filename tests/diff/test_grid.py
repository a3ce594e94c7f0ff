"""The whole diff over the small scores table: merge laws, chunks, and what scenarios leave alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from replay.diff.chunked_state import pack
from replay.diff.comparison import ComparisonSums
from replay.diff.grid import DiffState
from replay.diff.measure import measure
from replay.metrics.kinds.calibration import Calibration
from tests.diff.oracle import KEPT, SPECS, TABLE, diffed, plain
from tests.diff.table import ROWS, SPEC, batches, numbers
from tests.metrics.state_tester import check_state, same


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_shards_in_any_order_are_one_pass(spec):
    found = check_state(lambda: DiffState(spec), batches(TABLE), lambda state: plain(measure(state)), rel=1e-8)
    assert found["rows"] == KEPT.num_rows
    packed = DiffState.from_bytes(diffed(spec).to_bytes())
    assert plain(measure(packed)) == plain(measure(diffed(spec)))


def test_rows_that_a_sparse_scenario_left_alone_count_with_a_delta_of_0():
    spec = replace(SPECS["bare"], rejected=None)
    touched, rows = 30, 1000
    clean = np.linspace(0.1, 0.9, rows)
    own = pa.array(clean - 0.05 * (1 + np.arange(rows)), mask=np.arange(rows) >= touched)
    table = pa.table(
        {"online_score": clean, "prod": clean, "candidate": clean, "prod/nulls": own, "candidate/nulls": own}
    )
    for name in ("prod/nulls", "candidate/nulls"):
        found = measure(diffed(spec, table)).variants[name]
        delta = np.concatenate((-0.05 * (1 + np.arange(touched)), np.zeros(rows - touched)))
        for comparison in (found.vs_baseline, found.vs_online):
            assert (comparison["compared"], comparison["rows_changed"]) == (rows, touched)
            assert comparison["mean_abs"] == pytest.approx(np.abs(delta).mean())
            for share in (1, 50, 99):
                quantile = np.quantile(delta, share / 100, method="inverted_cdf")
                assert comparison[f"p{share}_delta"] == pytest.approx(quantile, rel=2**-8)
            assert comparison["p50_abs"] == 0.0
            assert comparison["p99_abs"] == pytest.approx(
                np.quantile(np.abs(delta), 0.99, method="inverted_cdf"), rel=2**-8
            )


def test_chunks_of_any_size_give_the_same_answer(monkeypatch):
    expected = plain(measure(diffed(SPEC)))
    monkeypatch.setattr("replay.diff.chunk.CHUNK_ROWS", 50)
    monkeypatch.setattr("replay.diff.chunk._MOST_ROWS", 75)
    assert same(plain(measure(diffed(SPEC))), expected, 1e-8)


def test_a_scenario_that_touches_nothing_is_its_checkpoint():
    untouched = TABLE.set_column(TABLE.schema.get_field_index("prod/nulls"), "prod/nulls", pa.nulls(ROWS, pa.float32()))
    result = measure(diffed(SPEC, untouched))
    found, clean = result.variants["prod/nulls"], result.variants["prod"]
    assert found.rows_scored == 0
    assert found.vs_online == clean.vs_online
    assert found.metrics == clean.metrics
    assert (found.vs_baseline["mismatched"], found.vs_baseline["changes"]["auc_drop"].value) == (
        result.variants["prod"].stability["non_finite"] - _infinities(),
        0.0,
    )


def _infinities():
    """Equal infinities agree; a NaN doesn't even agree with itself."""
    values, valid = numbers(KEPT, "prod")
    return int((valid & np.isinf(values)).sum())


def test_states_of_two_specs_do_not_merge():
    with pytest.raises(ValueError, match="two specs"):
        DiffState(SPEC).merge(DiffState(SPECS["bare"]))


def test_only_our_own_bytes_are_unpacked():
    with pytest.raises(TypeError, match="found dict, expected a packed DiffState"):
        DiffState.from_bytes(pack({}))


@pytest.mark.parametrize("spoiled", [1e30, 1e8])
def test_a_giant_that_a_scenario_replaces_costs_the_others_no_digits(spoiled):
    spec = replace(SPECS["bare"], rejected=None, label="label")
    rng = np.random.default_rng(6)
    clean, label = rng.random(500), (rng.random(500) < 0.4).astype(float)
    clean[[10, 11]] = spoiled, spoiled / 2
    own = pa.array(np.full(500, 0.5), mask=~np.isin(np.arange(500), (10, 11, 12)))
    table = pa.table({"online_score": clean / 3, "label": label, "prod": clean, "candidate": clean,
                      "prod/nulls": own, "candidate/nulls": own})  # fmt: skip
    found = measure(diffed(spec, table)).variants["prod/nulls"]
    filled_in = np.where(np.isin(np.arange(500), (10, 11, 12)), 0.5, clean)
    expected = Calibration().update(filled_in, label).compute()
    assert found.metrics["calibration"].value == pytest.approx(expected.value, rel=1e-12)
    assert found.metrics["calibration"].high == pytest.approx(expected.high, rel=1e-9)
    other = ComparisonSums(spec.tolerance).update(filled_in, clean / 3).compute()
    for key in ("mean_abs", "max_abs", "correlation", "p99_abs"):
        assert found.vs_online[key] == pytest.approx(other[key], rel=1e-10)
