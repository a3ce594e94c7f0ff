"""Believable ranking traffic: requests with candidates, what was known of them, and which were clicked.

The random generators here make example data, once; nothing in a replay draws from one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from replay.demo.world import COUNTRIES, NUM_FAVOURITES, NUM_ITEMS, World, draw_in_categories, draw_world

START = datetime(2026, 11, 20, 17, tzinfo=UTC)
DURATION = timedelta(hours=3)
PEAK = START + timedelta(minutes=105)
CLICK_RATE = 0.05

SURFACES = ("home", "search", "related")
_SURFACE_SHARES = (0.5, 0.3, 0.2)
_SURFACE_LOGITS = np.array([0.0, 0.35, -0.25])
_MIN_CANDIDATES, _MAX_CANDIDATES = 6, 14

SCHEMA = pa.schema(
    [
        ("request_id", pa.string()),
        ("item_id", pa.int64()),
        ("event_time", pa.timestamp("us", tz="UTC")),
        ("user_id", pa.int64()),
        ("surface", pa.string()),
        ("country", pa.string()),
        ("position", pa.int32()),
        ("user_clicks_1d", pa.int32()),
        ("user_clicks_7d", pa.int32()),
        ("user_impressions_7d", pa.int32()),
        ("user_tenure_days", pa.int32()),
        ("item_clicks_1d", pa.int32()),
        ("item_clicks_7d", pa.int32()),
        ("item_impressions_7d", pa.int32()),
        ("item_ctr_7d", pa.float32()),
        ("item_age_hours", pa.float32()),
        ("price", pa.float32()),
        ("match_score", pa.float32()),
        ("item_idx", pa.int32()),
        ("category_id", pa.int32()),
        ("recent_items", pa.list_(pa.int32())),
        ("label", pa.int8()),
    ]
)


@dataclass(frozen=True)
class _Requests:
    """Columns over requests, (num_requests,), in order of time.

    Attributes:
        seconds: Seconds since the start of the slice.
        users: 0-based.
        surfaces: Index into SURFACES.
        sizes: Candidates of the request.
    """

    seconds: np.ndarray
    users: np.ndarray
    surfaces: np.ndarray
    sizes: np.ndarray


@dataclass(frozen=True)
class _Rows:
    """Columns over rows, (num_rows,): a candidate in a request."""

    requests: np.ndarray  # index into the requests
    items: np.ndarray  # 0-based
    positions: np.ndarray  # 1-based
    hours: np.ndarray  # since the start of the slice


def make_traffic(rows: int, seed: int, days_before: int = 0) -> pa.Table:
    """Make three hours of logged traffic, without online scores.

    The same users and items come back in every slice of a seed; requests and clicks are drawn anew.

    Args:
        rows: Rows of the table; a request has 6 to 14 of them (the last may have fewer).
        seed: Two calls with the same arguments give the same table.
        days_before: Which slice: 0 is the day that is replayed, 1 the day before, and so on.

    Returns:
        A table of SCHEMA, sorted by time. About one row in twenty is clicked.
    """
    world = draw_world(seed)
    rng = np.random.default_rng([seed, 1, days_before])
    requests = _draw_requests(rng, world, rows)
    candidates = _draw_candidates(rng, world, requests)
    affinity = _affinity(world, requests, candidates)
    clicked = _draw_clicks(rng, world, requests, candidates, affinity)
    start = START - timedelta(days=days_before)
    columns = {
        **_request_columns(rng, world, requests, candidates, start),
        **_user_columns(world, requests.users[candidates.requests], candidates.hours),
        **_item_columns(rng, world, candidates),
        "match_score": (1 / (1 + np.exp(-affinity - rng.normal(0.0, 0.8, rows)))).astype(np.float32),
        "label": clicked.astype(np.int8),
    }
    return pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA)


def _draw_requests(rng: np.random.Generator, world: World, rows: int) -> _Requests:
    sizes = rng.integers(_MIN_CANDIDATES, _MAX_CANDIDATES + 1, rows // _MIN_CANDIDATES + 1)
    count = int(np.searchsorted(np.cumsum(sizes), rows)) + 1
    sizes = sizes[:count]
    sizes[-1] -= sizes.sum() - rows
    return _Requests(
        seconds=_draw_times(rng, count),
        users=rng.choice(len(world.users.shares), count, p=world.users.shares),
        surfaces=rng.choice(len(SURFACES), count, p=_SURFACE_SHARES),
        sizes=sizes,
    )


def _draw_times(rng: np.random.Generator, count: int) -> np.ndarray:
    """Seconds since the start, sorted: an evening that rises to its peak and falls off, with some noise a minute."""
    edges = np.arange(0.0, DURATION.total_seconds() + 1, 60)
    distance = (edges[:-1] + 30 - (PEAK - START).total_seconds()) / 2_700
    rate = (0.5 + 0.5 * np.exp(-(distance**2))) * rng.normal(1.0, 0.04, len(distance)).clip(0.8, 1.2)
    cumulated = np.concatenate([[0.0], np.cumsum(rate)])
    seconds: np.ndarray = np.interp(np.sort(rng.random(count)) * cumulated[-1], cumulated, edges)
    return seconds


def _draw_candidates(rng: np.random.Generator, world: World, requests: _Requests) -> _Rows:
    """Draw the candidates of each request: no item twice in one, and more of what the user likes."""
    of_request = np.repeat(np.arange(len(requests.sizes)), requests.sizes)
    items = np.empty(len(of_request), dtype=np.int64)
    wanted = np.arange(len(of_request))
    while len(wanted):
        favourites = world.users.favourites[requests.users[of_request[wanted]]]
        liked = favourites[np.arange(len(wanted)), rng.integers(0, NUM_FAVOURITES, len(wanted))]
        items[wanted] = np.where(
            rng.random(len(wanted)) < 0.4,
            draw_in_categories(rng, world.items, liked),
            rng.choice(NUM_ITEMS, len(wanted), p=world.items.shares),
        )
        _, first = np.unique(of_request * NUM_ITEMS + items, return_index=True)
        wanted = np.setdiff1d(np.arange(len(items)), first)
    starts = np.cumsum(requests.sizes) - requests.sizes
    return _Rows(
        requests=of_request,
        items=items,
        positions=np.arange(len(of_request)) - starts[of_request] + 1,
        hours=requests.seconds[of_request] / 3_600,
    )


def _affinity(world: World, requests: _Requests, rows: _Rows) -> np.ndarray:
    """What the user thinks of the item's category, in logits: (num_rows,)."""
    favourites = world.users.favourites[requests.users[rows.requests]]
    return np.where((favourites == world.items.categories[rows.items, None]).any(axis=1), 0.8, -0.5)


def _draw_clicks(
    rng: np.random.Generator, world: World, requests: _Requests, rows: _Rows, affinity: np.ndarray
) -> np.ndarray:
    """Draw clicks from the true model; its intercept is set so that CLICK_RATE is what it predicts on average."""
    logits = (
        1.2 * affinity
        + world.items.appeal[rows.items]
        + world.users.eagerness[requests.users[rows.requests]]
        + _SURFACE_LOGITS[requests.surfaces[rows.requests]]
        - 0.25 * np.log(rows.positions)
        + rng.normal(0.0, 0.3, len(rows.items))
    )
    low, high = -20.0, 20.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if _sigmoid(logits + middle).mean() < CLICK_RATE else (low, middle)
    return rng.random(len(logits)) < _sigmoid(logits + low)


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    probabilities: np.ndarray = 1 / (1 + np.exp(-logits))
    return probabilities


def _request_columns(
    rng: np.random.Generator, world: World, requests: _Requests, rows: _Rows, start: datetime
) -> dict[str, pa.Array]:
    of_request = pa.array(rows.requests)
    epoch = int(start.timestamp()) * 1_000_000
    micros = epoch + np.floor(requests.seconds * 1_000).astype(np.int64) * 1_000
    numbers = rng.integers(0, 2**63, len(requests.sizes))
    lengths = world.users.history_lengths[requests.users]
    columns = {
        "request_id": pa.array([f"{number:016x}" for number in numbers]),
        "event_time": pa.array(micros).cast(SCHEMA.field("event_time").type),
        "user_id": pa.array(world.users.ids[requests.users]),
        "surface": pa.array(SURFACES).take(pa.array(requests.surfaces)),
        "country": pa.array(COUNTRIES).take(pa.array(world.users.countries[requests.users])),
        "recent_items": _ragged(world.users.histories[requests.users], lengths),
    }
    return {name: column.take(of_request) for name, column in columns.items()} | {
        "position": pa.array(rows.positions, pa.int32())
    }


def _ragged(values: np.ndarray, lengths: np.ndarray) -> pa.Array:
    """Lists of the first ``lengths`` values of each row of a matrix."""
    kept = values[np.arange(values.shape[1]) < lengths[:, None]]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(kept, pa.int32()))


def _user_columns(world: World, users: np.ndarray, hours: np.ndarray) -> dict[str, pa.Array]:
    """What the feature store knows of a user; the counters grow in the course of the evening."""
    new = world.users.tenure_days[users] == 0
    per_day = world.users.clicks_per_day[users]
    today = np.floor(per_day * (0.7 + hours / 24)).astype(np.int32)
    week = today + np.floor(per_day * 6).astype(np.int32)
    return {
        "user_clicks_1d": pa.array(today, mask=new),
        "user_clicks_7d": pa.array(week, mask=new),
        "user_impressions_7d": pa.array(
            np.floor(week / _sigmoid(world.users.eagerness[users] - 3)).astype(np.int32), mask=new
        ),
        "user_tenure_days": pa.array(world.users.tenure_days[users], pa.int32()),
    }


def _item_columns(rng: np.random.Generator, world: World, rows: _Rows) -> dict[str, pa.Array]:
    """What the feature store knows of an item; one seen too rarely has no click rate yet."""
    items = world.items
    # Drawn for the items first and then looked up, so that all rows agree about an item.
    week = rng.poisson(items.impressions_per_day * 6)
    today = items.impressions_per_day[rows.items] * (0.7 + rows.hours / 24)
    impressions = (week[rows.items] + np.floor(today)).astype(np.int32)
    rate = _sigmoid(items.appeal - 3)
    clicks = rng.binomial(week, rate)[rows.items] + np.floor(today * rate[rows.items]).astype(np.int64)
    ages = (items.age_hours[rows.items] + rows.hours).astype(np.float32)
    return {
        "item_id": pa.array(items.ids[rows.items]),
        "item_clicks_1d": pa.array(np.floor(today * rate[rows.items]), pa.int32(), mask=ages < 24),
        "item_clicks_7d": pa.array(clicks, pa.int32(), mask=ages < 24),
        "item_impressions_7d": pa.array(impressions, mask=ages < 24),
        "item_ctr_7d": pa.array((clicks / np.maximum(impressions, 1)).astype(np.float32), mask=impressions < 50),
        "item_age_hours": pa.array(ages),
        "price": pa.array(items.prices[rows.items].astype(np.float32), from_pandas=True),
        "item_idx": pa.array(rows.items + 1, pa.int32()),
        "category_id": pa.array(items.categories[rows.items], pa.int32()),
    }
