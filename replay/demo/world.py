"""The users and items behind the demo's traffic: what is true of them, whatever was logged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NUM_USERS = 20_000
NUM_ITEMS = 5_000
NUM_CATEGORIES = 40
NUM_FAVOURITES = 3
MAX_HISTORY = 20

COUNTRIES = ("US", "IN", "BR", "DE", "JP", "GB", "FR", "MX", "ID", "ES")
_COUNTRY_SHARES = (0.27, 0.17, 0.13, 0.09, 0.08, 0.07, 0.06, 0.05, 0.05, 0.03)


@dataclass(frozen=True)
class Users:
    """Columns over users; each array is (NUM_USERS,) unless it says otherwise.

    Attributes:
        shares: Share of the requests that a user makes; few make many.
        ids: What the log calls the user.
        countries: Index into COUNTRIES.
        favourites: (NUM_USERS, NUM_FAVOURITES) categories, 1-based.
        eagerness: What the user adds to the logit of every click.
        clicks_per_day: Expected clicks a day; heavy-tailed.
        tenure_days: Days since sign-up.
        histories: (NUM_USERS, MAX_HISTORY) item indices, 1-based, newest first.
        history_lengths: How many of them are real; new users have none.
    """

    shares: np.ndarray
    ids: np.ndarray
    countries: np.ndarray
    favourites: np.ndarray
    eagerness: np.ndarray
    clicks_per_day: np.ndarray
    tenure_days: np.ndarray
    histories: np.ndarray
    history_lengths: np.ndarray


@dataclass(frozen=True)
class Items:
    """Columns over items; each array is (NUM_ITEMS,). Item ``n`` of the arrays has the 1-based index ``n + 1``.

    Attributes:
        shares: Popularity, which sums to 1; few items make most impressions.
        ids: What the log calls the item.
        categories: 1-based.
        appeal: What the item adds to the logit of every click.
        impressions_per_day: Expected impressions a day; heavy-tailed.
        age_hours: Hours since the item was listed.
        prices: NaN where the catalogue has none.
    """

    shares: np.ndarray
    ids: np.ndarray
    categories: np.ndarray
    appeal: np.ndarray
    impressions_per_day: np.ndarray
    age_hours: np.ndarray
    prices: np.ndarray


@dataclass(frozen=True)
class World:
    """All users and items."""

    users: Users
    items: Items


def draw_world(seed: int) -> World:
    """Draw the users and items of a seed."""
    rng = np.random.default_rng([seed, 0])
    items = _draw_items(rng)
    return World(_draw_users(rng, items), items)


def zipf_shares(count: int, exponent: float) -> np.ndarray:
    """Shares that fall with rank, and sum to 1.

    >>> zipf_shares(3, 1.0).round(3).tolist()
    [0.545, 0.273, 0.182]
    """
    weights: np.ndarray = np.arange(1, count + 1, dtype=np.float64) ** -exponent
    shares: np.ndarray = weights / weights.sum()
    return shares


def _draw_items(rng: np.random.Generator) -> Items:
    shares = rng.permutation(zipf_shares(NUM_ITEMS, 0.8))
    age_hours = rng.exponential(900.0, NUM_ITEMS).round(1)
    prices = np.exp(rng.normal(3.0, 0.9, NUM_ITEMS)).round(2)
    prices[rng.random(NUM_ITEMS) < 0.02] = np.nan
    return Items(
        shares=shares,
        ids=10_000_000 + rng.permutation(NUM_ITEMS * 7)[:NUM_ITEMS],
        categories=rng.choice(NUM_CATEGORIES, NUM_ITEMS, p=zipf_shares(NUM_CATEGORIES, 0.6)) + 1,
        appeal=rng.normal(0.0, 0.7, NUM_ITEMS),
        impressions_per_day=shares * 400_000 * np.minimum(age_hours / 48, 1),
        age_hours=age_hours,
        prices=prices,
    )


def _draw_users(rng: np.random.Generator, items: Items) -> Users:
    eagerness = rng.normal(0.0, 0.5, NUM_USERS)
    is_new = rng.random(NUM_USERS) < 0.06
    favourites = rng.choice(NUM_CATEGORIES, (NUM_USERS, NUM_FAVOURITES), p=zipf_shares(NUM_CATEGORIES, 0.6)) + 1
    from_favourites = draw_in_categories(rng, items, favourites[:, rng.integers(0, NUM_FAVOURITES, MAX_HISTORY)])
    anything = rng.choice(NUM_ITEMS, (NUM_USERS, MAX_HISTORY), p=items.shares)
    histories = np.where(rng.random((NUM_USERS, MAX_HISTORY)) < 0.7, from_favourites, anything) + 1
    lengths = np.minimum(rng.geometric(0.12, NUM_USERS), MAX_HISTORY)
    return Users(
        shares=rng.permutation(zipf_shares(NUM_USERS, 0.5)),
        ids=rng.permutation(NUM_USERS * 50)[:NUM_USERS] + 1,
        countries=rng.choice(len(COUNTRIES), NUM_USERS, p=_COUNTRY_SHARES),
        favourites=favourites,
        eagerness=eagerness,
        clicks_per_day=np.exp(rng.normal(0.3, 1.0, NUM_USERS) + eagerness),
        tenure_days=np.where(is_new, 0, rng.exponential(400.0, NUM_USERS).astype(np.int64) + 1),
        histories=histories,
        history_lengths=np.where(is_new, 0, lengths),
    )


def draw_in_categories(rng: np.random.Generator, items: Items, categories: np.ndarray) -> np.ndarray:
    """Draw an item of each category asked for, by popularity.

    Args:
        rng: Where the randomness comes from.
        items: The items.
        categories: 1-based categories, of any shape.

    Returns:
        0-based items, of that shape.
    """
    by_category = np.argsort(items.categories, kind="stable")
    upper = np.cumsum(items.shares[by_category])
    last = np.searchsorted(items.categories[by_category], np.arange(1, NUM_CATEGORIES + 1), side="right")
    ends = upper[last - 1]  # cumulated popularity at the end of each category
    starts = np.concatenate([[0.0], ends[:-1]])
    low, high = starts[categories - 1], ends[categories - 1]
    points = low + rng.random(categories.shape) * (high - low)
    drawn: np.ndarray = by_category[np.minimum(np.searchsorted(upper, points, side="right"), NUM_ITEMS - 1)]
    return drawn
