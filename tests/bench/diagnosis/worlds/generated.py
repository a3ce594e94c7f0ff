"""Generated traffic: users with histories, requests of many rows, a peak and a dip, five families of features."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tests.bench.diagnosis.world import MINUTE_US, Layout, Traffic, draw_hosts

START_US = 1_795_000_000_000_000
USERS, ITEMS, LENGTH, ID_ROWS = 4_000, 2_000, 8, 60

LAYOUT = Layout(
    query=("clicks_1d", "views_1d", "views_7d", "buys_30d", "age", "tenure_days", "hour", "battery"),
    query_ids=("city", "interest", "device"),
    vector="user_vector",
    vector_length=LENGTH,
    item=("price", "quality", "item_age_hours", "position"),
    item_ids=("topic", "shop"),
    id_rows=ID_ROWS,
    hashed=False,
    families={
        "counts": ("clicks_1d", "views_1d", "views_7d", "buys_30d"),
        "user": ("age", "tenure_days", "city", "interest"),
        "item": ("price", "quality", "item_age_hours", "topic", "shop"),
        "context": ("hour", "battery", "device", "position"),
        "embedding": ("user_vector",),
    },
    missing={"age": 35.0, "price": 10.0},
    quantities=("clicks_1d", "views_1d", "views_7d", "age", "tenure_days", "battery", "price", "quality", "position"),
    aging=(("clicks_1d", "views_1d", "views_7d", "buys_30d"), ("views_1d",), ("clicks_1d",), ("views_7d",)),
    segments=("surface", "country", "host"),
)
_SURFACES, _SURFACE_SHARES = ("home", "search", "feed"), (0.5, 0.3, 0.2)
# What a list lacks at its end is padded with 0.
_LENGTHS = np.random.default_rng([7, 5]).integers(3, LENGTH + 1, USERS)
_COUNTRIES, _COUNTRY_SHARES = ("DE", "US", "FR", "JP", "BR"), (0.3, 0.3, 0.2, 0.15, 0.05)


def make_traffic(rng: np.random.Generator, num_rows: int) -> Traffic:
    """Draw traffic of two to six hours, of a random shape.

    Args:
        rng: Decides everything but the users and items, which are always the same.
        num_rows: Rows, about.
    """
    sizes = rng.integers(1, 16, num_rows // 8)
    request = np.repeat(np.arange(len(sizes)), sizes)
    minutes = arrivals(rng, len(sizes), rng.uniform(120.0, 360.0))
    user = (USERS * rng.beta(0.7, 2.0, len(sizes))).astype(np.int64)  # few make many requests
    features = {name: column[request] for name, column in _of_user(user, minutes).items()}
    features |= _of_request(rng, user, minutes, request) | _of_item(rng, sizes, request)
    # Requests are spread over a moment, so that rows have their own times and requests overlap a little.
    time_us = START_US + (minutes * MINUTE_US).astype(np.int64)[request]
    null = {name: rng.random(len(request)) < 0.02 for name in ("age", "price")}
    segments = {
        "surface": rng.choice(_SURFACES, p=_SURFACE_SHARES, size=len(sizes))[request],
        "country": np.array(_COUNTRIES)[_country_of_user()[user]][request],
        "host": draw_hosts(rng, request),
    }
    label = rng.random(len(request)) < 1.0 / (1.0 + np.exp(-_true_logit(features)))
    return _finish(features, null, segments, time_us, user[request], request, label.astype(np.int8))


def _finish(
    features: dict[str, NDArray],
    null: dict[str, NDArray[np.bool_]],
    segments: dict[str, NDArray],
    time_us: NDArray[np.int64],
    entity: NDArray[np.int64],
    group: NDArray[np.int64],
    label: NDArray[np.int8],
) -> Traffic:
    columns: dict[str, pa.Array] = {
        "row_id": pa.array(np.arange(len(time_us))),
        "time": pa.array(time_us, pa.timestamp("us", "UTC")),
        "entity": pa.array(entity),
        "request_id": pa.array(group),
        "label": pa.array(label),
        **{name: pa.array(values) for name, values in segments.items()},
    }
    served = {}
    for name, values in features.items():
        if values.ndim == 2:
            columns[name], served[name] = _ragged(values, _LENGTHS[entity]), values
            continue
        columns[name] = pa.array(values, mask=null.get(name))
        served[name] = values.copy()
        if name in null:
            served[name][null[name]] = LAYOUT.missing[name]
    return Traffic(pa.table(columns), served, null, time_us, entity, group, label)


def _ragged(values: NDArray[np.float32], lengths: NDArray[np.int64]) -> pa.Array:
    offsets = np.r_[0, np.cumsum(lengths)].astype(np.int32)
    return pa.ListArray.from_arrays(offsets, values[np.arange(values.shape[1]) < lengths[:, None]])


def arrivals(rng: np.random.Generator, count: int, minutes: float) -> NDArray[np.float64]:
    """Sorted times in minutes; a peak of up to five times the usual rate and a dip down to a tenth, anywhere."""
    grid = np.linspace(0.0, minutes, 2_000)
    peak, dip = rng.uniform(0.0, minutes, 2)
    rate = 1.0 + rng.uniform(0.0, 4.0) * np.exp(-(((grid - peak) / (minutes * rng.uniform(0.03, 0.2))) ** 2))
    rate *= 1.0 - rng.uniform(0.0, 0.9) * np.exp(-(((grid - dip) / (minutes * rng.uniform(0.05, 0.2))) ** 2))
    return np.sort(np.interp(rng.random(count), np.cumsum(rate) / rate.sum(), grid))


def _country_of_user() -> NDArray[np.int64]:
    return np.random.default_rng([7, 1]).choice(len(_COUNTRIES), p=_COUNTRY_SHARES, size=USERS)


def _of_user(user: NDArray[np.int64], minutes: NDArray[np.float64]) -> dict[str, NDArray]:
    """Counts that grow and fade from request to request, and what stays."""
    fixed = np.random.default_rng([7, 2])
    place = _place_in_history(user)
    columns: dict[str, NDArray] = {}
    for name, level, step in (
        ("clicks_1d", 3, 0.4),
        ("views_1d", 20, 3.0),
        ("views_7d", 90, 3.0),
        ("buys_30d", 2, 0.1),
    ):
        base = fixed.gamma(1.5, level, USERS)[user]
        phase, period = fixed.uniform(0, 6, USERS)[user], fixed.uniform(20, 60, USERS)[user]
        wave = 1.0 + 0.3 * np.sin(minutes / period + phase)
        columns[name] = np.floor(base * wave + step * place).astype(np.float32)
    columns["age"] = fixed.integers(16, 80, USERS).astype(np.float32)[user]
    columns["tenure_days"] = np.floor(fixed.exponential(300.0, USERS)).astype(np.float32)[user]
    columns["city"] = np.minimum(fixed.geometric(0.08, USERS), ID_ROWS - 1)[user]
    columns["interest"] = fixed.integers(1, ID_ROWS, USERS)[user]
    columns["user_vector"] = _vectors(fixed)[user]
    return columns


def _vectors(fixed: np.random.Generator) -> NDArray[np.float32]:
    drawn = fixed.normal(0.0, 1.0, (USERS, LENGTH)).astype(np.float32)
    return np.where(np.arange(LENGTH) < _LENGTHS[:, None], drawn, np.float32(0.0))


def _place_in_history(user: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many requests the user made before this one."""
    order = np.argsort(user, kind="stable")
    first = np.searchsorted(user[order], user[order])
    place = np.empty(len(user), np.int64)
    place[order] = np.arange(len(user)) - first
    return place


def _of_request(
    rng: np.random.Generator, user: NDArray[np.int64], minutes: NDArray[np.float64], request: NDArray[np.int64]
) -> dict[str, NDArray]:
    return {
        "hour": np.floor(8.0 + minutes / 60.0).astype(np.float32)[request],
        "battery": rng.integers(1, 101, len(user)).astype(np.float32)[request],
        "device": rng.choice([1, 2, 3, 4], p=[0.5, 0.3, 0.15, 0.05], size=len(user))[request],
    }


def _of_item(rng: np.random.Generator, sizes: NDArray[np.int64], request: NDArray[np.int64]) -> dict[str, NDArray]:
    fixed = np.random.default_rng([7, 3])
    item = (ITEMS * rng.beta(0.8, 2.0, len(request))).astype(np.int64)
    first = np.cumsum(sizes) - sizes
    return {
        "price": np.round(np.exp(fixed.normal(3.0, 0.9, ITEMS)), 2).astype(np.float32)[item],
        "quality": fixed.beta(2.0, 5.0, ITEMS).astype(np.float32)[item],
        "item_age_hours": np.round(fixed.exponential(400.0, ITEMS), 1).astype(np.float32)[item],
        "position": (1 + np.arange(len(request)) - first[request]).astype(np.float32),
        "topic": fixed.integers(1, ID_ROWS, ITEMS)[item],
        "shop": np.minimum(fixed.geometric(0.1, ITEMS), ID_ROWS - 1)[item],
    }


def _true_logit(features: dict[str, NDArray]) -> NDArray[np.float64]:
    """What makes people click: every feature has a part in it."""
    fixed = np.random.default_rng([7, 4])
    part = {name: fixed.normal(0.0, 0.5, ID_ROWS) for name in (*LAYOUT.query_ids, *LAYOUT.item_ids)}
    logit = -3.0 + sum(weights[features[name]] for name, weights in part.items())
    logit = logit + 0.5 * np.log1p(features["clicks_1d"]) - 0.2 * np.log1p(features["views_1d"])
    logit += 0.1 * np.log1p(features["views_7d"]) + 0.4 * np.log1p(features["buys_30d"])
    logit += (
        0.3 * np.sin(features["age"] / 12.0) - 0.1 * np.log1p(features["tenure_days"]) - 0.2 * features["hour"] / 10
    )
    logit += 0.003 * features["battery"] - 0.3 * np.log1p(features["price"]) + 2.0 * features["quality"]
    logit -= 0.1 * np.log1p(features["item_age_hours"]) + 0.25 * np.log1p(features["position"])
    taste = features["user_vector"] @ fixed.normal(0.0, 0.3, LENGTH)
    return np.asarray(logit + taste * (1.0 + features["quality"]), dtype=np.float64)
