"""Real logged impressions (Open Bandit Dataset), with counts of their own past, in a shorter time.

The seven days are run in a few hours, so that minutes hold enough rows; the nights stay dips and the days peaks.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tests.bench.diagnosis.world import MINUTE_US, Layout, Traffic, draw_hosts

FILE = "open_bandit/impressions.parquet"
_USERS = tuple(f"user_feature_{place}" for place in range(4))
_ITEMS = ("item", "item_feature_1", "item_feature_2", "item_feature_3")
_COUNTS = ("user_views_1h", "user_views_1d", "item_views_1h", "item_clicks_1d")
_HOUR_US = 60 * MINUTE_US

LAYOUT = Layout(
    query=("user_views_1h", "user_views_1d", "hour"),
    query_ids=_USERS,
    vector="affinity",
    vector_length=80,
    item=("item_views_1h", "item_clicks_1d", "item_feature_0", "position"),
    item_ids=_ITEMS,
    id_rows=256,
    hashed=True,
    families={
        "counts": _COUNTS,
        "user": _USERS,
        "item": ("item_feature_0", *_ITEMS),
        "context": ("hour", "position"),
        "embedding": ("affinity",),
    },
    missing={"position": 2.0},
    quantities=("user_views_1h", "user_views_1d", "item_views_1h", "item_feature_0", "position"),
    aging=(("user_views_1h",), ("user_views_1d",), _COUNTS),
    segments=("campaign", "policy", "host"),
)


@cache
def _prepared(path: Path) -> tuple[dict[str, pa.Array], dict[str, NDArray], NDArray[np.int64], NDArray[np.int64]]:
    """Logged columns, the same as the model takes them, times and user profiles: once a process."""
    table = pq.read_table(path)
    table = table.take(pc.sort_indices(table, [("event_time", "ascending"), ("request_id", "ascending")]))
    time_us = table["event_time"].cast(pa.int64()).to_numpy()
    users = pc.binary_join_element_wise(*(table[name].cast(pa.string()) for name in _USERS), "/")
    entity = users.combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
    item = table["item_id"].to_numpy().astype(np.int64)
    campaign = table["campaign"].combine_chunks().dictionary_encode().indices.to_numpy()
    item_in_campaign = item + 100 * campaign
    clicks = table["click"].to_numpy()
    floats = {
        "user_views_1h": seen_before(entity, time_us, _HOUR_US),
        "user_views_1d": seen_before(entity, time_us, 24 * _HOUR_US),
        "item_views_1h": seen_before(item_in_campaign, time_us, _HOUR_US),
        "item_clicks_1d": seen_before(item_in_campaign, time_us, 24 * _HOUR_US, clicks),
        "hour": ((time_us // _HOUR_US) % 24).astype(np.float32),
        "item_feature_0": table["item_feature_0"].to_numpy(),
        "position": table["position"].to_numpy().astype(np.float32),
    }
    texts = {name: table[name].combine_chunks() for name in (*_USERS, *_ITEMS[1:])}
    texts["item"] = pa.array([f"{one}" for one in item_in_campaign.tolist()])
    logged = {
        "label": table["click"].combine_chunks(),
        "campaign": table["campaign"].combine_chunks(),
        "policy": table["policy"].combine_chunks(),
        **{name: pa.array(values) for name, values in floats.items()},
        **texts,
        "affinity": table["affinity"].combine_chunks(),
    }
    served = {**floats, **{name: _hashed(values) for name, values in texts.items()}, "affinity": _padded(table)}
    return logged, served, time_us, entity


def make_traffic(rng: np.random.Generator, num_rows: int, path: Path) -> Traffic:
    """The first rows of the log, in three to eight hours.

    Args:
        rng: Decides how fast time goes.
        num_rows: Rows, at most the 60,000 that there are.
        path: Of the Parquet file.
    """
    logged, served, time_us, entity = _prepared(path)
    count = min(num_rows, len(time_us))
    hours = rng.uniform(3.0, 8.0)
    elapsed = (time_us - time_us[0])[:count]
    faster = time_us[0] + (elapsed * (hours * _HOUR_US / elapsed[-1])).astype(np.int64)
    columns = {
        "row_id": pa.array(np.arange(count)),
        "time": pa.array(faster, pa.timestamp("us", "UTC")),
        "entity": pa.array(entity[:count]),
        "host": pa.array(draw_hosts(rng, np.arange(count))),
        **{name: values[:count] for name, values in logged.items()},
    }
    rows = {name: values[:count] for name, values in served.items()}
    label = logged["label"].to_numpy()[:count]
    return Traffic(pa.table(columns), rows, {}, faster, entity[:count], None, label)


def seen_before(
    who: NDArray[np.int64], time_us: NDArray[np.int64], within_us: int, marked: NDArray | None = None
) -> NDArray[np.float32]:
    """How many (marked) rows of the same one came before, within a time: ``(num_rows,)``."""
    order = np.lexsort((time_us, who))
    times, codes = time_us[order], who[order]
    weights = np.ones(len(who)) if marked is None else marked[order].astype(np.float64)
    sums = np.concatenate([[0.0], np.cumsum(weights)])
    counts = np.empty(len(who), np.float32)
    starts = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]])
    for start, stop in zip(starts, np.r_[starts[1:], len(codes)], strict=True):
        oldest = start + np.searchsorted(times[start:stop], times[start:stop] - within_us)
        counts[order[start:stop]] = sums[start:stop] - sums[oldest]
    return counts


def _hashed(values: pa.Array) -> NDArray[np.int64]:
    encoded = values.cast(pa.string()).dictionary_encode()
    return np.array(LAYOUT.indices(encoded.dictionary.to_pylist()), np.int64)[encoded.indices.to_numpy()]


def _padded(table: pa.Table) -> NDArray[np.float32]:
    lists = table["affinity"].combine_chunks()
    lengths = lists.value_lengths().to_numpy()
    padded = np.zeros((len(lists), LAYOUT.vector_length), np.float32)
    padded[np.arange(LAYOUT.vector_length) < lengths[:, None]] = lists.flatten().to_numpy()
    return padded
