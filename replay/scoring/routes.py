"""Routes: each row to one of several checkpoints, by hash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.config import ReplayConfig, RouteConfig
from replay.hashing import salted, uniform


@dataclass(frozen=True)
class Route:
    """Which checkpoint answers which row.

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

    def assign(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
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


def plan_routes(config: ReplayConfig) -> Mapping[str, Route]:
    """The routes of a config, by name."""
    return {
        name: Route(
            tuple(entry.route),
            tuple(entry.route.values()),
            entry.by or config.traffic.key,
            salted(config.seed, "route", entry.salt),
        )
        for name, entry in config.checkpoints.items()
        if isinstance(entry, RouteConfig)
    }


def route_types(routes: Mapping[str, Route], types: Mapping[str, pa.DataType]) -> dict[str, pa.DataType]:
    """Score type of each route: float64 where a member answers in float64."""
    return {
        name: pa.float64() if any(types[member] == pa.float64() for member in route.members) else pa.float32()
        for name, route in routes.items()
    }
