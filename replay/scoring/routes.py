"""Routes: each row to one of several checkpoints, by hash, or as online says that it did."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from replay.config import ReplayConfig, RouteConfig, ServedRouteConfig
from replay.features import feature_column
from replay.hashing import salted, uniform
from replay.scenarios import row_keys

NO_MEMBER = -1
"""The place of a row that no member of a route answers."""


class Route(Protocol):
    """Which checkpoint answers which row."""

    @property
    def members(self) -> tuple[str, ...]:
        """Checkpoints, in the config's order."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Logged columns that it reads."""

    def assign(self, batch: pa.RecordBatch) -> NDArray[np.int64]:
        """Choose a member for each row.

        Args:
            batch: (num_rows,) logged rows.

        Returns:
            (num_rows,) indices of ``members``; ``NO_MEMBER`` for a row that none answers.
        """

    def describe(self) -> str:
        """In words, whatever decides."""

    @property
    def sha256(self) -> str:
        """Hash of what decides, in hexadecimal."""


@dataclass(frozen=True)
class HashRoute:
    """By hash.

    Attributes:
        members: Checkpoints, in the config's order.
        shares: Share of rows of each; they sum to 1.
        by: Columns that are hashed.
        salt: 64-bit salt.
    """

    members: tuple[str, ...]
    shares: tuple[float, ...]
    by: tuple[str, ...]
    salt: int

    @property
    def columns(self) -> tuple[str, ...]:
        """See :class:`Route`."""
        return self.by

    @property
    def _shares(self) -> str:
        return ", ".join(f"{member} {share:g}" for member, share in zip(self.members, self.shares, strict=True))

    def assign(self, batch: pa.RecordBatch) -> NDArray[np.int64]:
        """See :class:`Route`."""
        return self.assign_hashed(row_keys([feature_column(batch, column) for column in self.by]))

    def assign_hashed(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Choose a member for each row, by weighted rendezvous hashing.

        Every member draws an exponential variable at the rate of its share from the row's hash, and the earliest wins:
        the shares are exact in expectation, and raising one moves rows to that member only.

        Args:
            keys: (num_rows,) hash of the ``by`` columns.

        Returns:
            (num_rows,) indices of ``members``.
        """
        arrivals = np.stack(
            [
                -np.log1p(-uniform(keys, salted(self.salt, member))) / share
                for member, share in zip(self.members, self.shares, strict=True)
            ]
        )
        first: NDArray[np.int64] = np.argmin(arrivals, axis=0)
        return first

    def describe(self) -> str:
        """See :class:`Route`."""
        return f"each row to one of {self._shares}, by {', '.join(self.by)}"

    @property
    def sha256(self) -> str:
        """See :class:`Route`."""
        return hashlib.sha256(json.dumps([self._shares, self.by, self.salt]).encode()).hexdigest()


@dataclass(frozen=True)
class ServedRoute:
    """To the checkpoint that online says it used.

    Attributes:
        members: Checkpoints, in the config's order.
        column: That says so.
        versions: The member that each value means, by the value as text.
    """

    members: tuple[str, ...]
    column: str
    versions: Mapping[str, str]

    @property
    def columns(self) -> tuple[str, ...]:
        """See :class:`Route`."""
        return (self.column,)

    def assign(self, batch: pa.RecordBatch) -> NDArray[np.int64]:
        """See :class:`Route`."""
        return self.assign_values(feature_column(batch, self.column))

    def assign_values(self, values: pa.Array) -> NDArray[np.int64]:
        """Choose a member for each value of the column, (num_rows,) text or numbers."""
        encoded = values if pa.types.is_dictionary(values.type) else pc.dictionary_encode(values)
        places = [self._place(text) for text in as_text(encoded.dictionary)]
        codes = encoded.indices.cast(pa.int64()).fill_null(len(places)).to_numpy(zero_copy_only=False)
        found: NDArray[np.int64] = np.array([*places, NO_MEMBER], np.int64)[codes]
        return found

    def _place(self, text: str | None) -> int:
        member = None if text is None else self.versions.get(text)
        return NO_MEMBER if member is None else self.members.index(member)

    def describe(self) -> str:
        """See :class:`Route`."""
        return f"each row to the one of {', '.join(self.members)} that `{self.column}` names"

    @property
    def sha256(self) -> str:
        """See :class:`Route`."""
        versions = sorted(self.versions.items())
        return hashlib.sha256(json.dumps([self.members, self.column, versions]).encode()).hexdigest()


def as_text(values: pa.Array) -> list[str | None]:
    """Versions as a config writes them: a whole number without a fraction.

    >>> as_text(pa.array([17.0, 17.5, None])), as_text(pa.array(["prod"]))
    (['17', '17.5', None], ['prod'])
    """
    if pa.types.is_floating(values.type):
        return [None if one is None else repr(one).removesuffix(".0") for one in values.to_pylist()]
    return list(values.cast(pa.string()).to_pylist())


def plan_routes(config: ReplayConfig) -> Mapping[str, Route]:
    """The routes of a config, by name."""
    routes: dict[str, Route] = {}
    for name, entry in config.checkpoints.items():
        if isinstance(entry, RouteConfig):
            routes[name] = HashRoute(
                tuple(entry.route),
                tuple(entry.route.values()),
                entry.by or config.traffic.key,
                salted(config.seed, "route", entry.salt),
            )
        elif isinstance(entry, ServedRouteConfig):
            routes[name] = served_route(config)
    return routes


def served_route(config: ReplayConfig) -> ServedRoute:
    """The route to the checkpoints that ``traffic.served_by`` names.

    Raises:
        ValueError: The config has no such column.
    """
    served = config.traffic.served_by
    if served is None:
        raise ValueError("found no traffic.served_by, expected one: the route reads it")
    routes = (RouteConfig, ServedRouteConfig)
    own = tuple(name for name, entry in config.all_checkpoints.items() if not isinstance(entry, routes))
    if not served.values:
        return ServedRoute(own, served.column, {name: name for name in own})
    named = set(served.values.values())
    return ServedRoute(tuple(name for name in own if name in named), served.column, dict(served.values))


def unknown_rows(assigned: Iterable[NDArray[np.int64]], num_rows: int) -> NDArray[np.bool_]:
    """Rows that a route leaves without a member, (num_rows,).

    Args:
        assigned: (num_rows,) from :meth:`Route.assign`, of each route.
        num_rows: Rows.
    """
    unknown = np.zeros(num_rows, np.bool_)
    for places in assigned:
        unknown |= places == NO_MEMBER
    return unknown


def pick(assigned: NDArray[np.int64], answers: Sequence[NDArray[np.floating]]) -> NDArray[np.floating]:
    """Each row's answer, that of the member it goes to.

    Args:
        assigned: (num_rows,) from :meth:`Route.assign`.
        answers: (num_rows,) of each member.

    Returns:
        (num_rows,); of a row without a member whatever the first one answers.
    """
    picked = np.array(answers[0], dtype=np.result_type(*answers))
    for place, answer in enumerate(answers[1:], start=1):
        np.copyto(picked, answer, where=assigned == place)
    return picked


def route_types(routes: Mapping[str, Route], types: Mapping[str, pa.DataType]) -> dict[str, pa.DataType]:
    """Score type of each route: float64 where a member answers in float64."""
    return {
        name: pa.float64() if any(types[member] == pa.float64() for member in route.members) else pa.float32()
        for name, route in routes.items()
    }
