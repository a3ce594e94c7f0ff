"""Columns that Spark computes beside the logged ones, because no batch can: conditions and older values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import xxhash


@dataclass(frozen=True)
class SideColumn:
    """A column beside the logged ones.

    Attributes:
        name: Names the column; the same condition, or feature and lag, has the same name everywhere.
        kind: ``where``: a bool, null counting as False. ``stale``: the newest value of the entity that is at least
            ``lag`` old, in the feature's logged type.
        where: The condition, in Spark SQL.
        feature: The feature whose older value it is.
        lag: The age that the value has at least.
    """

    name: str
    kind: Literal["where", "stale"]
    where: str | None = None
    feature: str | None = None
    lag: timedelta | None = None


def where_name(condition: str) -> str:
    """Name of a condition's column.

    >>> where_name("surface = 'home'")
    'replay:where:...'
    """
    return f"replay:where:{xxhash.xxh64_hexdigest(condition.encode())}"


def stale_name(feature: str, lag: timedelta) -> str:
    """Name of the column of a feature's older values.

    >>> stale_name("I1", timedelta(hours=3))
    'replay:stale:10800000000:I1'
    """
    return f"replay:stale:{lag // timedelta(microseconds=1)}:{feature}"
