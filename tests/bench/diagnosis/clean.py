"""Traffic in which nothing happens: online and replayed scores that differ by noise alone, of many kinds.

Nothing here uses the engine. Rows come in requests, requests in sessions of users, and few users make many; a kind of
noise says which rows online scored with features that were logged a moment later, or how far all scores differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

START_US = 1_795_000_000_000_000
MINUTE_US = 60_000_000
_DAY = 1440.0
_SURFACES, _COUNTRIES = ("home", "search", "feed"), ("DE", "US", "FR", "JP", "BR")
_SHARES = {"surface": (0.5, 0.3, 0.2), "country": (0.3, 0.3, 0.2, 0.15, 0.05)}


@dataclass(frozen=True, eq=False)
class Visits:
    """Who came when, before anything is scored; rows are sorted by time.

    Attributes:
        minute: ``(num_rows,)`` minutes from the start.
        minutes: Length of the traffic.
        request: ``(num_rows,)`` rows ranked together.
        session: ``(num_rows,)`` requests of one user within minutes.
        user: ``(num_rows,)``.
        host: ``(num_rows,)`` what answered the request.
        segments: By column ``(num_rows,)`` codes, and their names.
    """

    minute: Floats
    minutes: float
    request: Integers
    session: Integers
    user: Integers
    host: Integers
    segments: Mapping[str, tuple[NDArray[np.int32], tuple[str, ...]]]

    def __len__(self) -> int:
        return len(self.minute)


@dataclass(frozen=True, eq=False)
class CleanRun:
    """One run without an incident.

    Attributes:
        kind: Of the noise.
        visits: Who came when.
        replayed: ``(num_rows,)``.
        online: ``(num_rows,)``.
        moved: ``(num_rows,)`` rows that differ by more than serving noise.
    """

    kind: str
    visits: Visits
    replayed: Floats
    online: Floats
    moved: Mask

    @property
    def time_us(self) -> Integers:
        """``(num_rows,)``."""
        return START_US + (self.visits.minute * MINUTE_US).astype(np.int64)


def draw_visits(rng: np.random.Generator, num_rows: int, minutes: float, *, daily: bool = False) -> Visits:
    """Sessions of users: few make many, a session has 1 to some 30 requests over minutes, a request 1 to 20 rows."""
    users = int(rng.integers(300, 3_000))
    activity = rng.pareto(1.5, users) + 0.2
    sessions = max(20, num_rows // 40)
    user = rng.choice(users, sessions, p=activity / activity.sum())
    start = _arrivals(rng, sessions, minutes, daily)
    requests = np.minimum(rng.geometric(1.0 / rng.uniform(2.0, 6.0), sessions), 30)
    of_session = np.repeat(np.arange(sessions), requests)
    pause = rng.exponential(rng.uniform(0.3, 2.0), len(of_session))
    before = np.cumsum(pause) - pause
    first = np.cumsum(requests) - requests
    at = start[of_session] + before - before[first][of_session]
    kept = at < minutes
    order = np.argsort(at[kept], kind="stable")
    of_session, at = of_session[kept][order], at[kept][order]
    sizes = rng.integers(1, 21, len(at))
    request = np.repeat(np.arange(len(at)), sizes)[:num_rows]
    hosts = int(rng.integers(4, 17))
    host = rng.integers(0, hosts, len(at))[request]
    country = rng.choice(len(_COUNTRIES), users, p=_SHARES["country"])
    surface = rng.choice(len(_SURFACES), len(at), p=_SHARES["surface"])
    return Visits(
        minute=at[request],
        minutes=minutes,
        request=request,
        session=of_session[request],
        user=user[of_session][request],
        host=host,
        segments={
            "surface": (surface[request].astype(np.int32), _SURFACES),
            "country": (country[user[of_session][request]].astype(np.int32), _COUNTRIES),
            "host": (host.astype(np.int32), tuple(f"host-{number}" for number in range(hosts))),
        },
    )


def _arrivals(rng: np.random.Generator, count: int, minutes: float, daily: bool) -> Floats:
    """Sorted minutes; a peak and a dip anywhere, or a day's course."""
    grid = np.linspace(0.0, minutes, 2_000)
    if daily:
        rate = 1.0 + 0.8 * np.sin(2.0 * np.pi * (grid / _DAY + rng.random()))
    else:
        peak, dip = rng.uniform(0.0, minutes, 2)
        rate = 1.0 + rng.uniform(0.0, 3.0) * np.exp(-(((grid - peak) / (minutes * rng.uniform(0.03, 0.2))) ** 2))
        rate *= 1.0 - rng.uniform(0.0, 0.9) * np.exp(-(((grid - dip) / (minutes * rng.uniform(0.05, 0.2))) ** 2))
    return np.sort(np.interp(rng.random(count), np.cumsum(rate) / rate.sum(), grid))


def _chance(rng: np.random.Generator) -> float:
    return float(rng.uniform(0.005, 0.04))


def _rows(rng: np.random.Generator, visits: Visits) -> Mask:
    """Rows on their own."""
    return np.asarray(rng.random(len(visits)) < _chance(rng))


def _by(what: Callable[[Visits], Integers]) -> Callable[[np.random.Generator, Visits], Mask]:
    """All rows of some units."""

    def moved(rng: np.random.Generator, visits: Visits) -> Mask:
        unit = what(visits)
        part = 1.0 if rng.random() < 0.5 else float(rng.uniform(0.3, 1.0))
        drawn = rng.random(int(unit.max()) + 1) < min(0.04, _chance(rng) / part)
        return np.asarray(drawn[unit] & (rng.random(len(visits)) < part))

    return moved


def _refreshes(rng: np.random.Generator, visits: Visits) -> Mask:
    """A cache that is filled anew every few minutes: for seconds, many rows see other values than were logged."""
    every, lasts = rng.uniform(3.0, visits.minutes / 15.0), rng.uniform(2.0, 20.0) / 60.0
    since = (visits.minute + rng.uniform(0.0, every)) % every
    return _lifted(rng, visits, since < lasts, float(rng.uniform(0.2, 0.9)))


def _bursts(rng: np.random.Generator, visits: Visits) -> Mask:
    """Short bursts at random times, of all traffic."""
    count = int(rng.integers(20, 120))
    inside = _inside(visits.minute, rng.uniform(0.0, visits.minutes, count), rng.uniform(1.0, 20.0, count) / 60.0)
    return _lifted(rng, visits, inside, float(rng.uniform(0.2, 0.8)))


def _hosts(rng: np.random.Generator, visits: Visits) -> Mask:
    """Every host has short bursts of its own, some hosts more than others."""
    inside = np.zeros(len(visits), dtype=bool)
    for host in range(int(visits.host.max()) + 1):
        here = visits.host == host
        count = int(rng.poisson(rng.gamma(2.0, 10.0)))
        starts, lengths = rng.uniform(0.0, visits.minutes, count), rng.exponential(15.0, count) / 60.0
        inside[here] = _inside(visits.minute[here], starts, lengths)
    return _lifted(rng, visits, inside, float(rng.uniform(0.3, 1.0)))


def _inside(minute: Floats, starts: Floats, lengths: Floats) -> Mask:
    inside = np.zeros(len(minute), dtype=bool)
    for start, length in zip(starts, lengths, strict=True):
        first, last = np.searchsorted(minute, [start, start + length])
        inside[first:last] = True
    return inside


def _lifted(rng: np.random.Generator, visits: Visits, inside: Mask, share: float) -> Mask:
    base = rng.uniform(0.0, 0.02)
    return np.asarray(rng.random(len(visits)) < np.where(inside, share, base))


def _varying(factor: Callable[[np.random.Generator, Visits], Floats]) -> Callable[[np.random.Generator, Visits], Mask]:
    """Rows on their own, or requests, at a rate that changes in time."""

    def moved(rng: np.random.Generator, visits: Visits) -> Mask:
        rate = _chance(rng) * factor(rng, visits)
        if rng.random() < 0.5:
            return np.asarray(rng.random(len(visits)) < rate)
        return np.asarray(rng.random(int(visits.request.max()) + 1)[visits.request] < rate)

    return moved


def _daily(rng: np.random.Generator, visits: Visits) -> Floats:
    phase, size = rng.random(), rng.uniform(0.3, 0.7)
    return np.asarray(1.0 + size * np.sin(2.0 * np.pi * (visits.minute / _DAY + phase)))


def _drift(rng: np.random.Generator, visits: Visits) -> Floats:
    """Up or down by up to a factor of two from the first to the last row."""
    slope = rng.uniform(0.2, np.log(2.0)) * rng.choice([-1.0, 1.0])
    return np.asarray(np.exp(slope * (visits.minute / visits.minutes - 0.5)))


def _autocorrelated(rng: np.random.Generator, visits: Visits) -> Floats:
    """The logarithm of the rate is an autoregression of order one over minutes."""
    size, memory = rng.uniform(0.2, 0.5), rng.uniform(2.0, 15.0)
    kept = np.exp(-1.0 / memory)
    level, levels = rng.normal(0.0, size), []
    for _ in range(int(visits.minutes) + 1):
        levels.append(level)
        level = kept * level + rng.normal(0.0, size * np.sqrt(1.0 - kept**2))
    return np.asarray(np.exp(np.array(levels)[visits.minute.astype(np.int64)]))


def _none(rng: np.random.Generator, visits: Visits) -> Mask:
    return np.zeros(len(visits), dtype=bool)


_MOVED: Mapping[str, Callable[[np.random.Generator, Visits], Mask]] = {
    "rows": _rows,
    "requests": _by(lambda visits: visits.request),
    "sessions": _by(lambda visits: visits.session),
    "users": _by(lambda visits: visits.user),
    "refreshes": _refreshes,
    "bursts": _bursts,
    "hosts": _hosts,
    "daily": _varying(_daily),
    "drift": _varying(_drift),
    "autocorrelated": _varying(_autocorrelated),
    "heavy tails": _none,
}
KINDS = tuple(_MOVED)


def draw_clean(rng: np.random.Generator, kind: str, num_rows: int = 20_000) -> CleanRun:
    """One run of a kind of noise."""
    days = kind == "daily"
    minutes = float(rng.integers(1, 4)) * _DAY if days else float(rng.uniform(60.0, 360.0))
    visits = draw_visits(rng, int(num_rows * rng.uniform(0.6, 1.4)), minutes, daily=days)
    moved = _MOVED[kind](rng, visits)
    logit = rng.normal(0.0, 0.8, int(visits.request.max()) + 1)[visits.request] + rng.normal(-2.5, 1.0, len(visits))
    replayed = _float32(_sigmoid(logit))
    served = logit + np.where(moved, rng.normal(0.0, rng.uniform(0.03, 0.5), len(visits)), 0.0)
    if kind == "heavy tails":
        # Each row is a little off, a few far: a distribution that has hardly a variance.
        served += rng.uniform(1e-5, 1e-3) * rng.standard_t(rng.uniform(1.2, 3.0), len(visits))
    return CleanRun(kind, visits, replayed, _served(rng, served), moved)


def _served(rng: np.random.Generator, logit: Floats) -> Floats:
    """As online logs it: one of several types, with or without noise of its arithmetic."""
    form = rng.choice(["float32", "float16", "noise", "noise, float16"])
    if form.startswith("noise"):
        logit = logit + rng.normal(0.0, 5e-4, len(logit))
    scores = _sigmoid(logit)
    return scores.astype(np.float16).astype(np.float64) if form.endswith("float16") else _float32(scores)


def _sigmoid(logit: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-logit)))


def _float32(scores: Floats) -> Floats:
    return np.asarray(scores.astype(np.float32), dtype=np.float64)
