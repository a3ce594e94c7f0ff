"""The scores table's layout: which logged columns it carries, under which names and types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from replay.config import TrafficConfig
from replay.spark.types import stored_type

REJECTED = "rejected"
"""Column that says why a row has no replayed score; null for a scored row."""
REJECTED_FEATURE = "rejected_feature"
"""Column that names the feature it is rejected by, the first one in the order of the inputs; null for a scored row."""

TIME_TYPE = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class Carried:
    """One logged column that the scores table carries.

    Attributes:
        path: The logged column, or a path into a struct or map.
        type: Its type in the scores table.
        role: ``key``, ``time``, ``number`` (online score, label, weight: float64) or ``as_logged``.
    """

    path: str
    type: pa.DataType
    role: str


def carried_columns(traffic: TrafficConfig, types: Mapping[str, pa.DataType]) -> tuple[Carried, ...]:
    """List what the scores table carries beside the scores, each column once, in the order of the roles.

    Args:
        traffic: The config's section.
        types: Logged type of every column that the section names.
    """
    numbers = [name for name in (traffic.score, traffic.label, traffic.weight) if name is not None]
    logged = [name for name in (traffic.group, traffic.entity, _served_by(traffic)) if name is not None]
    roles = dict.fromkeys(traffic.key, "key")
    if traffic.time is not None:
        roles.setdefault(traffic.time.column, "time")
    for name in numbers:
        roles.setdefault(name, "number")
    for name in (*logged, *traffic.segments):
        roles.setdefault(name, "as_logged")
    fixed = {"time": TIME_TYPE, "number": pa.float64()}
    return tuple(Carried(path, fixed.get(role) or stored_type(types[path]), role) for path, role in roles.items())


def _served_by(traffic: TrafficConfig) -> str | None:
    return None if traffic.served_by is None else traffic.served_by.column


def scores_schema(
    carried: tuple[Carried, ...], variants: Mapping[str, pa.DataType], *, by_feature: bool = True
) -> pa.Schema:
    """Schema of the scores table: what is carried, why a row was rejected and by which feature, a column per variant.

    Args:
        carried: From :func:`carried_columns`.
        variants: Score type by variant: float32, or float64 where the checkpoint answers in float64.
        by_feature: Whether the feature has a column.
    """
    fields = [pa.field(column.path, column.type) for column in carried]
    fields.extend(pa.field(name, pa.string()) for name in (REJECTED, REJECTED_FEATURE)[: 2 if by_feature else 1])
    fields.extend(pa.field(name, dtype) for name, dtype in variants.items())
    return pa.schema(fields)
