"""The change of rank of every variant against scipy and scikit-learn, group by group."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from sklearn.metrics import ndcg_score

from replay.diff.ranking.rank_state import FEW_ROWS, GROUP, RankState
from replay.diff.spec import ONLINE
from replay.metrics.kinds.kendall_tau import ALL_TIED
from replay.metrics.kinds.ndcg import NO_POSITIVE
from tests.diff.oracle import KEPT
from tests.diff.table import SPEC, filled, numbers
from tests.metrics.state_tester import check_state, same

TOP_K = (1, 2, 5)
RANKED = replace(SPEC, top_k=TOP_K)


def ranked_table(seed=0):
    """The scores in groups of 1 to 30 rows that are neighbours, some rows tied."""
    rng = np.random.default_rng(seed)
    rows = KEPT.num_rows
    code = np.sort(rng.integers(0, rows // 12, rows)) * 7 - 100
    table = KEPT.append_column(GROUP, pa.array(code, pa.int64()))
    for name in ("prod", "candidate"):
        place = table.schema.get_field_index(name)
        values = table.column(name).to_numpy(zero_copy_only=False)
        rounded = np.round(values, 2).astype(np.float32)
        table = table.set_column(place, name, pa.array(rounded, mask=table.column(name).is_null().to_numpy()))
    return table


TABLE = ranked_table()
CODES = TABLE.column(GROUP).to_numpy()


def group_batches(table, cuts=(0, 3, 9, 10, 40, 10**6)):
    """Batches that cut no group, one of them of one group."""
    codes = table.column(GROUP).to_numpy()
    distinct = np.unique(codes)
    edges = [np.searchsorted(codes, distinct[cut]) if cut < distinct.size else codes.size for cut in cuts]
    return [(table.slice(start, end - start).combine_chunks().to_batches()[0],) for start, end in pairwise(edges)]


def compute(state):
    return {
        name: {
            "groups": found.groups,
            **{metric: (one.value, one.low, one.high, one.groups, one.rows, one.reason)
               for metric, one in found.metrics().items()},
        }
        for name, found in state.compute().items()
    }  # fmt: skip


def scores(table, name):
    values, valid = numbers(table, "online_score") if name == ONLINE else filled(table, SPEC, name)
    return values, valid & ~np.isnan(values)


def overlap(left, right, k):
    """Fractional membership, row by row."""

    def member(score):
        above = [(score > one).sum() for one in score]
        tied = [(score == one).sum() for one in score]
        return np.array([min(max((k - a) / t, 0), 1) for a, t in zip(above, tied, strict=True)])

    return np.minimum(member(left), member(right)).sum() / k


def values_by_group(table, name, against):
    """Every metric's value of each group that defines it, and the group's rows."""
    left, has_left = scores(table, name)
    right, has_right = scores(table, against)
    label = table.column("label").to_numpy(zero_copy_only=False)
    found: dict[str, list[tuple[float, int]]] = {}
    codes = table.column(GROUP).to_numpy()
    for code in np.unique(codes):
        rows = (codes == code) & has_left & has_right
        a, b, size = left[rows], right[rows], int(rows.sum())
        if size < 2:
            continue
        found.setdefault("groups", []).append((1.0, size))
        tau = stats.kendalltau(a, b).statistic
        if not np.isnan(tau):
            found.setdefault("kendall_tau", []).append((tau, size))
        judged = np.isin(label[rows], (0, 1))
        for k in TOP_K:
            if size > k:
                found.setdefault(f"top_{k}_overlap", []).append((overlap(a, b, k), size))
            if judged.sum() > 1 and (label[rows][judged] == 1).any():
                # Ranks stand for scores: scikit-learn takes no infinities.
                sides = [[stats.rankdata(side[judged])] for side in (a, b)]
                gains = [ndcg_score([label[rows][judged]], side, k=k) for side in sides]
                found.setdefault(f"ndcg_{k}_change", []).append((gains[0] - gains[1], size))
    return found


@pytest.fixture(scope="module")
def found():
    return check_state(lambda: RankState(RANKED), group_batches(TABLE), compute)


@pytest.mark.parametrize("name", ["prod", "candidate", "prod/nulls", "candidate/nulls"])
def test_every_mean_and_interval_equals_the_plain_ones(found, name):
    expected = values_by_group(TABLE, name, ONLINE if name == "prod" else "prod")
    assert found[name]["groups"] == len(expected.pop("groups"))
    assert found[name].keys() - {"groups"} == expected.keys()
    for metric, entries in expected.items():
        values = np.array([value for value, _ in entries])
        value, low, high, groups, rows, reason = found[name][metric]
        assert (groups, rows, reason) == (values.size, sum(size for _, size in entries), None)
        assert value == pytest.approx(values.mean(), abs=1e-12)
        assert (low, high) == pytest.approx(interval(metric, values), abs=1e-5)


def interval(metric, values):
    """Student's interval of a change that goes both ways; of what can only be lost, every mean that is near enough."""
    quantile = stats.t.ppf(0.975, values.size - 1)
    if "ndcg" in metric:
        half = quantile * stats.sem(values)
        return values.mean() - half, values.mean() + half
    reach = 1.0 if "top" in metric else 2.0
    lost = (1 - values) / reach
    mean = lost.mean()
    trials = values.size if mean == 0 else values.size * mean * (1 - mean) / lost.var(ddof=1)
    square = quantile**2 / trials  # (x - mean)**2 = square * x * (1 - x)
    least, most = sorted(np.roots([1 + square, -2 * mean - square, mean**2]).real)
    return 1 - most * reach, 1 - least * reach


def test_of_fewer_than_five_groups_there_is_a_mean_and_no_interval():
    state = RankState(RANKED).update(*group_batches(TABLE)[0])
    changes = [mean for change in state.compute().values() for mean in change.metrics().values()]
    few = [mean for mean in changes if 0 < mean.groups < 5]
    assert few
    for mean in few:
        assert (mean.low, mean.high) == (None, None)
        assert mean.reason.startswith(f"no interval: {mean.groups} group")
        assert mean.value is not None


@pytest.mark.parametrize("chunk", [1, 50, 10**6])
def test_groups_may_be_cut_anywhere_between_batches(found, monkeypatch, chunk):
    monkeypatch.setattr("replay.diff.ranking.rank_state.CHUNK_ROWS", chunk)
    state = RankState(RANKED)
    for batch in TABLE.combine_chunks().to_batches(max_chunksize=7):
        state.update(batch)
    assert compute(RankState.from_bytes(state.to_bytes())).keys() == found.keys()
    assert same(compute(state), found, 1e-9)


def test_a_group_larger_than_a_chunk_is_whole(monkeypatch):
    monkeypatch.setattr("replay.diff.ranking.rank_state.CHUNK_ROWS", 16)
    column = TABLE.schema.get_field_index(GROUP)
    one = TABLE.set_column(column, GROUP, pa.array(np.full(TABLE.num_rows, 5), pa.int64()))
    state = RankState(RANKED)
    for batch in one.combine_chunks().to_batches(max_chunksize=10):
        state.update(batch)
    tau = state.compute()["candidate"].kendall_tau
    expected = dict(values_by_group(one, "candidate", "prod"))["kendall_tau"][0][0]
    assert (tau.groups, tau.low) == (1, None)
    assert tau.value == pytest.approx(expected)


def small(**columns):
    variants = {name: pa.array(columns.pop(name), pa.float64()) for name in ("prod", "candidate", "prod/nulls")}
    count = len(variants["prod"])
    table = {GROUP: np.zeros(count, dtype=np.int64), "online_score": np.arange(count) / 10, "label": np.zeros(count)}
    return pa.table({**table, **columns, **variants, "candidate/nulls": pa.nulls(count, pa.float64())})


def measured(table, spec=RANKED):
    return RankState(spec).update(table.combine_chunks().to_batches()[0]).compute()


def test_what_a_scenario_did_not_touch_is_its_checkpoint_s():
    table = small(
        **{GROUP: np.array([0, 0, 0, 1, 1, 1])},
        label=[1.0, 0.0, 0.0, 1.0, 0.0, 0.0],
        prod=[0.1, 0.2, 0.3, 0.1, 0.2, 0.3],
        candidate=[0.3, 0.2, 0.1, 0.1, 0.2, 0.3],
        **{"prod/nulls": [None, None, None, 0.9, None, None]},
    )
    found = measured(table)
    # One group of two is untouched; in the other the first row jumps to the top, which turns two pairs of three.
    assert found["prod/nulls"].kendall_tau.value == pytest.approx((1 - 1 / 3) / 2)
    assert found["prod/nulls"].top_k["1"].value == 0.5
    assert found["prod/nulls"].ndcg_change["1"].value == 0.5
    assert found["candidate"].kendall_tau.value == 0.0
    assert found["candidate/nulls"] == found["candidate"]


def test_what_is_not_defined_says_why():
    flat = measured(small(prod=[0.5, 0.5], candidate=[0.1, 0.2], **{"prod/nulls": [None, None]}))["candidate"]
    assert (flat.groups, flat.kendall_tau.reason) == (1, ALL_TIED)
    assert flat.top_k["1"].value == 0.5
    assert flat.top_k["2"].reason == "no group has more than 2 rows that both sides score"
    assert flat.ndcg_change["1"].reason == NO_POSITIVE
    lone = measured(small(prod=[0.5, np.nan], candidate=[0.1, 0.2], **{"prod/nulls": [None, None]}))["candidate"]
    assert (lone.groups, lone.kendall_tau.reason, lone.ndcg_change["1"].reason) == (0, FEW_ROWS, FEW_ROWS)


def test_without_a_label_there_is_no_ndcg():
    found = measured(TABLE, replace(RANKED, label=None, weight=None))
    assert all(not change.ndcg_change for change in found.values())
    assert found["candidate"].kendall_tau.value is not None


def test_every_k_is_at_least_1_and_named_once():
    for wrong in ((0, 1), (5, 1), (1, 1)):
        with pytest.raises(ValueError, match="ascending"):
            replace(SPEC, top_k=wrong)
