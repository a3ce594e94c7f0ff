"""The whole diff against the plain metric states, fed slice by slice with rows picked in numpy."""

from __future__ import annotations

import pickle
import zlib
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from scipy.special import logit

from replay.diff.comparison import ComparisonSums
from replay.diff.grid import DiffState
from replay.diff.influence import InfluencePlan, InfluenceState
from replay.diff.measure import bucket_counts, measure
from replay.diff.spec import ONLINE, DiffSpec, VariantColumn
from replay.metrics.kinds.auc import Auc
from replay.metrics.kinds.calibration import Calibration
from replay.metrics.kinds.log_mae import LogMae
from replay.metrics.kinds.logloss import LogLoss
from replay.metrics.kinds.ne import NormalizedEntropy
from tests.diff.table import ROWS, SPEC, START_US, batches, filled, numbers, scores_table
from tests.metrics.state_tester import check_state, same

TABLE = scores_table()
KEPT = TABLE.filter(pc.is_null(TABLE.column("rejected")))
METRICS = {"auc": Auc, "ne": NormalizedEntropy, "logloss": LogLoss, "calibration": Calibration, "log_mae": LogMae}
SPECS = {
    "full": SPEC,
    "no group": replace(SPEC, group=None),
    "no weight": replace(SPEC, weight=None, group=None),
    "no label": replace(SPEC, label=None, weight=None),
    "no time": replace(SPEC, time=None, group=None),
    "no segments": replace(SPEC, segments=()),
    "bare": replace(SPEC, label=None, weight=None, group=None, time=None, segments=()),
}


def diffed(spec, table=TABLE):
    state = DiffState(spec)
    for (batch,) in batches(table):
        state.update(batch)
    return state


def second_pass(state, table=TABLE):
    passed = InfluenceState(InfluencePlan.of(state))
    for (batch,) in batches(table):
        passed.update(batch)
    return passed


def plain(result):
    """A result as nested data that the tester can compare."""
    return {
        **{name: getattr(result, name) for name in ("rows", "first", "last", "no_time", "bucket", "notes")},
        "rejected": dict(result.rejected),
        "labels": dict(result.labels),
        "variants": {name: asdict(found) for name, found in {**result.variants, ONLINE: result.online}.items()},
        "metric_rows": [asdict(row) for row in result.metric_rows],
    }


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_shards_in_any_order_are_one_pass(spec):
    found = check_state(lambda: DiffState(spec), batches(TABLE), lambda state: plain(measure(state)), rel=1e-8)
    assert found["rows"] == KEPT.num_rows
    packed = DiffState.from_bytes(diffed(spec).to_bytes())
    assert plain(measure(packed)) == plain(measure(diffed(spec)))


def scores_of(name, spec):
    return numbers(KEPT, spec.online) if name == ONLINE else filled(KEPT, spec, name)


def quality(metric, name, rows, spec):
    """A metric's state over some rows."""
    values, valid = scores_of(name, spec)
    label = KEPT.column("label").to_numpy()
    weight = None if spec.weight is None else KEPT.column("weight").to_numpy()[rows]
    cluster = None if spec.group is None else KEPT.column("request_id").to_numpy()[rows]
    return metric().update(np.where(valid, values, np.nan)[rows], label[rows], weight, cluster).compute()


def comparison(name, against, rows, spec):
    values, valid = filled(KEPT, spec, name)
    other, there = numbers(KEPT, spec.online) if against == "online" else filled(KEPT, spec, spec.baseline)
    return ComparisonSums(spec.tolerance).update(values[rows], other[rows], valid[rows], there[rows]).compute()


def slices_of(spec):
    """Name, bucket and row mask of every slice."""
    found = {("all", None): np.ones(KEPT.num_rows, dtype=bool)}
    for segment in spec.segments:
        column = KEPT.column(segment).to_pylist()
        for value in set(column):
            shown = "(null)" if value is None else value
            found[f"{segment}={shown}", None] = np.array([one == value for one in column])
    if spec.time is not None:
        column = KEPT.column(spec.time)
        minutes = np.array(
            [-1 if t is None else int((t.timestamp() * 1e6 - START_US) // 6e7) for t in column.to_pylist()]
        )
        for minute in set(minutes.tolist()) - {-1}:
            start = datetime.fromtimestamp(START_US / 1e6, UTC) + timedelta(minutes=minute)
            found["all", start] = minutes == minute
    return found


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
                assert [found.value, found.low, found.high] == pytest.approx(
                    [expected.value, expected.low, expected.high], rel=1e-7
                )
                checked += 1
    assert checked == 5 * (7 * 5 + 8 * 3)  # scores x (all + four surfaces + two tiers, buckets)


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


def test_clustered_intervals_of_slices_are_near_the_plain_states():
    # A slice has 64 random groups, the plain state 1024: the same variance, estimated less precisely.
    rows = {(r.variant, r.slice, r.bucket, r.metric): r for r in measure(diffed(SPEC)).metric_rows if r.against is None}
    for (name, bucket), mask in slices_of(SPEC).items():
        if bucket is None and name != "all":
            found, expected = rows["prod", name, bucket, "calibration"], quality(Calibration, "prod", mask, SPEC)
            assert found.value == pytest.approx(expected.value, rel=1e-9)
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
    assert result.notes == ()
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


def test_many_values_and_buckets_are_put_together_and_noted():
    narrow = replace(SPEC, max_values=2, max_buckets=3, group=None)
    result = measure(diffed(narrow))
    slices = {row.slice for row in result.metric_rows}
    assert {"surface=feed", "surface=home", "surface=(other)", "surface=(null)"} <= slices
    assert "surface=search" not in slices
    assert result.bucket == timedelta(minutes=4)
    assert [note.split()[0] for note in result.notes] == ["segment", "the"]
    check_state(lambda: DiffState(narrow), batches(TABLE), lambda state: plain(measure(state)), rel=1e-8)
    rates = {
        row.slice: row
        for row in result.metric_rows
        if (row.variant, row.against, row.metric, row.bucket) == ("prod", "online", "mismatch_rate", None)
    }
    assert sum(rates[f"surface={name}"].rows for name in ("feed", "home", "(other)", "(null)")) == rates["all"].rows


def test_many_combinations_give_the_same_slices(monkeypatch):
    expected = plain(measure(diffed(SPEC)))
    monkeypatch.setattr("replay.diff.slices.tables._MAX_FINE_CELLS", 4)
    coarse = plain(measure(diffed(SPEC)))
    assert coarse["variants"] == expected["variants"]
    assert same(coarse["metric_rows"], expected["metric_rows"], 1e-9)
    assert bucket_counts(diffed(SPEC), "prod").num_rows > 0


def test_few_bins_keep_the_auc_within_its_noted_bound():
    spec = replace(SPECS["no weight"], score_bins=32, slice_bins=64)
    result, exact = measure(diffed(spec)), measure(diffed(SPECS["no weight"]))
    for name, found in result.variants.items():
        error = abs(found.metrics["auc"].value - exact.variants[name].metrics["auc"].value)
        assert error <= found.error_bounds["auc"]
    whole, slices = result.notes
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
    assert result.notes == ()


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


def test_an_empty_table_is_undefined_not_wrong():
    result = measure(DiffState(SPEC).update(batches(TABLE)[1][0]))
    assert (result.rows, result.first, result.metric_rows[0].value) == (0, None, 0.0)
    for found in result.variants.values():
        assert found.vs_online["mismatch_rate"] is None
        assert found.metrics["auc"].reason == "no row has a finite score, a 0/1 label and a weight"


def test_states_of_two_specs_do_not_merge():
    with pytest.raises(ValueError, match="two specs"):
        DiffState(SPEC).merge(DiffState(SPECS["bare"]))


def test_only_our_own_bytes_are_unpacked():
    with pytest.raises(TypeError, match="found dict, expected a packed DiffState"):
        DiffState.from_bytes(zlib.compress(pickle.dumps({})))


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
