"""A computed column of the pinned table, and the order in which such columns come to be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import pyarrow as pa

from replay.spark.analysis import ExpressionNode
from replay.traffic.computed.event_time import TimeReading

WHERE: Final = "traffic.where"
"""Where the config says which rows are selected."""


@dataclass(frozen=True)
class ComputedColumn:
    """A column that is no logged one; a condition is one of truth values.

    Attributes:
        name: Of the column. An event time has the name of the logged column that it is read from, and takes its place.
        sql: The expression, in Spark SQL.
        type: Canonical.
        reads: Top-level columns that it is computed from: logged ones, or computed ones that stand before it.
        place: Where the config says so, such as ``traffic.columns.pctr``.
        tree: The expression as tasks evaluate it on Arrow batches, or None where only Spark can.
        obstacle: Why only Spark can, or None.
        reading: How an event time is read; None for a column of ``traffic.columns``.
    """

    name: str
    sql: str
    type: pa.DataType
    reads: tuple[str, ...]
    place: str
    tree: ExpressionNode | None
    obstacle: str | None
    reading: TimeReading | None = None


@dataclass(frozen=True)
class LoggedAndComputed:
    """What is read of a file, and what is computed from it.

    Attributes:
        logged: Logged columns, in the order of the table.
        computed: Columns that are computed, in order.
    """

    logged: tuple[str, ...]
    computed: tuple[ComputedColumn, ...]


def needed_for(names: Iterable[str], logged: Sequence[str], computed: Sequence[ComputedColumn]) -> LoggedAndComputed:
    """What some columns take.

    Args:
        names: Top-level columns, logged and computed.
        logged: The table's logged columns.
        computed: Its computed columns, in order.
    """
    wanted = set(names)
    steps: list[ComputedColumn] = []
    for column in reversed(computed):
        if column.name in wanted:
            steps.append(column)
            # An event time is read from the logged column that it takes the place of.
            wanted = (wanted - {column.name}) | set(column.reads)
    return LoggedAndComputed(tuple(name for name in logged if name in wanted), tuple(reversed(steps)))


def with_computed(schema: pa.Schema, computed: Sequence[ComputedColumn]) -> pa.Schema:
    """A schema with computed columns: behind the logged ones, or in the place of the one that they are read from."""
    for column in computed:
        field, place = pa.field(column.name, column.type), schema.get_field_index(column.name)
        schema = schema.append(field) if place < 0 else schema.set(place, field)
    return schema


def renamed(tree: ExpressionNode, names: Sequence[str]) -> ExpressionNode:
    """An expression with columns as the table spells them: Spark takes any case."""
    if tree.kind == "AttributeReference":
        exact = [name for name in names if name == tree.name]
        alike = [name for name in names if name.casefold() == tree.name.casefold()]
        return replace(tree, name=(exact or alike or [tree.name])[0])
    return replace(tree, children=tuple(renamed(child, names) for child in tree.children))


def nodes(tree: ExpressionNode) -> list[ExpressionNode]:
    """Every node of an expression, itself first."""
    return [tree, *(node for child in tree.children for node in nodes(child))]
