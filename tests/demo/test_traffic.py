from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from replay.demo.traffic import DURATION, PEAK, SCHEMA, START, SURFACES, make_traffic


def test_has_the_rows_asked_for(traffic):
    assert traffic.schema == SCHEMA
    assert len(traffic) == 20_000
    assert len(make_traffic(1_001, seed=0)) == 1_001


def test_keys_are_unique_and_never_null(traffic):
    keys = traffic.select(["request_id", "item_id"])

    assert keys.group_by(["request_id", "item_id"]).aggregate([]).num_rows == len(traffic)
    assert keys["request_id"].null_count == keys["item_id"].null_count == 0


def test_a_request_is_one_moment_one_user_and_one_surface(traffic):
    requests = traffic.group_by("request_id").aggregate(
        [(name, "count_distinct") for name in ("event_time", "user_id", "surface", "country")]
        + [("position", "min"), ("position", "max"), ("position", "count")]
    )

    for name in ("event_time", "user_id", "surface", "country"):
        assert set(requests[f"{name}_count_distinct"].to_pylist()) == {1}
    assert set(requests["position_min"].to_pylist()) == {1}
    assert requests["position_max"].to_pylist() == requests["position_count"].to_pylist()
    sizes = requests["position_count"].to_pylist()
    assert max(sizes) <= 14
    assert sum(size < 6 for size in sizes) <= 1  # only the last may be cut short


def test_is_sorted_within_three_hours_and_peaks_where_it_says(traffic):
    micros = traffic["event_time"].cast(pa.int64()).to_numpy()
    assert (np.diff(micros) >= 0).all()
    assert micros[0] >= START.timestamp() * 1e6
    assert micros[-1] < (START + DURATION).timestamp() * 1e6
    around = np.abs(micros / 1e6 - PEAK.timestamp()) < 900
    before = micros / 1e6 < (START + timedelta(minutes=30)).timestamp()
    assert around.sum() > 1.5 * before.sum()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_click_rate_is_realistic(seed):
    labels = make_traffic(20_000, seed)["label"].to_numpy()

    assert set(labels) == {0, 1}
    assert 0.03 < labels.mean() < 0.08


def test_counters_are_heavy_tailed_and_sometimes_missing(traffic):
    for name in ("user_clicks_7d", "item_impressions_7d", "item_ctr_7d", "price"):
        share = traffic[name].null_count / len(traffic)
        assert 0 < share < 0.2, name
    counts = traffic["item_impressions_7d"].drop_null().to_numpy()
    assert np.quantile(counts, 0.99) > 10 * np.median(counts)
    week, today = traffic["user_clicks_7d"].drop_null(), traffic["user_clicks_1d"].drop_null()
    assert pc.all(pc.greater_equal(week, today)).as_py()
    ctr = traffic["item_ctr_7d"].drop_null().to_numpy()
    assert 0 <= ctr.min() < ctr.max() < 1


def test_counters_of_a_user_only_grow(traffic):
    rows = traffic.select(["user_id", "user_clicks_1d"]).to_pylist()
    last: dict[int, int] = {}
    for row in rows:
        if row["user_clicks_1d"] is not None:
            assert row["user_clicks_1d"] >= last.get(row["user_id"], 0)
            last[row["user_id"]] = row["user_clicks_1d"]


def test_ids_are_skewed_and_histories_ragged(traffic):
    counts = np.bincount(traffic["item_idx"].to_numpy())
    assert counts[0] == 0  # index 0 is padding
    assert np.sort(counts)[-50:].sum() > 0.1 * len(traffic)
    lengths = traffic["recent_items"].combine_chunks().value_lengths().to_numpy()
    assert lengths.min() == 0
    assert 10 < lengths.max() <= 20


def test_surfaces_and_countries_are_few(traffic):
    assert set(traffic["surface"].unique().to_pylist()) == set(SURFACES)
    assert len(traffic["country"].unique()) == 10


def test_same_arguments_same_table_and_other_days_differ(traffic):
    assert make_traffic(20_000, seed=3).equals(traffic)
    assert not make_traffic(20_000, seed=4).equals(traffic)
    day_before = make_traffic(20_000, seed=3, days_before=1)
    assert pc.max(day_before["event_time"]).as_py() < START
    assert not set(day_before["request_id"].to_pylist()) & set(traffic["request_id"].to_pylist())
