"""Whether the columns that the config names are there, and of a type that serves."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from replay.config import TrafficConfig
from replay.config.messages.wording import suggestion
from replay.config.names import nearest
from replay.errors import EXIT_REFUSED, Problem
from replay.spark.types import spark_type
from replay.traffic.paths import ColumnPath, column_names, find_column

_LISTED = 12
# What text is cast to where a role is to have numbers; a boolean is also read from 0, 1, yes and no.
_CAST_TO = {"score": "double", "weight": "double", "label": "boolean"}


@dataclass(frozen=True)
class _Role:
    """What a column is for.

    Attributes:
        place: Where the config names it.
        name: The column.
        wanted: The types that serve, in words.
        serves: Whether a type does.
    """

    place: str
    name: str
    wanted: str
    serves: Callable[[pa.DataType], bool]


def column_problems(schema: pa.Schema, config: TrafficConfig) -> list[Problem]:
    """List every column that the config names and the table lacks, or has with a type that does not serve.

    Args:
        schema: The pinned table's.
        config: Section ``traffic``.

    Returns:
        All problems, in the order of the contract; their exit code is 3.
    """
    names = column_names(schema)
    problems = []
    for role in _roles(config):
        found = find_column(schema, role.name)
        if found is None:
            problems.append(_problem(role.place, _missing(role.name, schema, names)))
        elif not role.serves(found.type):
            message = f"column `{role.name}` is {found.type}: expected {role.wanted}{_conversion(role, found, schema)}"
            problems.append(_problem(role.place, message))
        elif role.place.startswith("traffic.time"):
            problems.extend(_unit_problem(role, found.type, config))
    return problems


def _conversion(role: _Role, found: ColumnPath, schema: pa.Schema) -> str:
    """What to write where a column of text holds what the role wants."""
    key = role.place.removeprefix("traffic.")
    if key not in _CAST_TO or not pa.types.is_string(found.type):
        return ""
    names = (f"{re.sub(r'[^A-Za-z0-9_]', '_', role.name)}_{_CAST_TO[key]}{count}" for count in ("", *range(2, 99)))
    name = next(name for name in names if find_column(schema, name) is None)
    sql = found.root if not found.steps and re.fullmatch(r"[A-Za-z_]\w*", found.root) else found.sql
    return (
        f"; if its texts are, write `columns: {{{name}: {json.dumps(f'cast({sql} as {_CAST_TO[key]})')}}}` and "
        f"`{key}: {name}`"
    )


def _problem(place: str, message: str) -> Problem:
    return Problem(message, path=place, exit_code=EXIT_REFUSED)


def _missing(name: str, schema: pa.Schema, names: list[str]) -> str:
    near = nearest(name, names)
    if near is not None:
        return f"the traffic has no column `{name}`{suggestion(near)}"
    listed = ", ".join(schema.names[:_LISTED])
    more = f" and {len(schema.names) - _LISTED} more" if len(schema.names) > _LISTED else ""
    return f"the traffic has no column `{name}`: it has {listed}{more}"


def _unit_problem(role: _Role, dtype: pa.DataType, config: TrafficConfig) -> Iterator[Problem]:
    unit = config.time.unit if config.time is not None else None
    if pa.types.is_integer(dtype) and unit is None:
        message = (
            f"column `{role.name}` is {dtype}: say its unit, `time: {{column: {role.name}, unit: ms}}` (s, ms, us, ns)"
        )
        yield _problem(role.place, message)
    if pa.types.is_timestamp(dtype) and unit is not None:
        yield _problem(role.place, f"column `{role.name}` is {dtype}, which has its unit: leave out `unit: {unit}`")


def _roles(config: TrafficConfig) -> Iterator[_Role]:
    scalar = "a number of up to 38 digits, text, bool, date or timestamp"
    for place, name in _named("traffic.key", config.key):
        yield _Role(place, name, scalar, _is_scalar)
    if config.time is not None:
        yield _Role("traffic.time", config.time.column, "a timestamp, a number with a `unit`, or text", _is_time)
    served_by = "" if config.served_by is None else config.served_by.column
    singles = (
        _Role("traffic.score", config.score, "a number", _is_number),
        _Role("traffic.served_by", served_by, "text or a number", _is_scalar),
        _Role("traffic.label", config.label or "", "0/1: a number or bool", _is_number_or_bool),
        _Role("traffic.weight", config.weight or "", "a number", _is_number),
        _Role("traffic.group", config.group or "", scalar, _is_scalar),
        _Role("traffic.entity", config.entity or "", scalar, _is_scalar),
    )
    yield from (role for role in singles if role.name)
    for place, name in _named("traffic.segments", config.segments):
        yield _Role(place, name, scalar, _is_scalar)
    for place, name in _named("traffic.sample.by", config.sample.by if config.sample is not None else ()):
        yield _Role(place, name, scalar, _is_scalar)


def _named(place: str, names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    return ((f"{place}[{index}]", name) for index, name in enumerate(names))


def _is_number(dtype: pa.DataType) -> bool:
    return bool(pa.types.is_integer(dtype) or pa.types.is_floating(dtype) or pa.types.is_decimal(dtype))


def _is_number_or_bool(dtype: pa.DataType) -> bool:
    return _is_number(dtype) or bool(pa.types.is_boolean(dtype))


def _is_time(dtype: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(dtype) or pa.types.is_integer(dtype))


def _is_scalar(dtype: pa.DataType) -> bool:
    return not pa.types.is_nested(dtype) and spark_type(dtype) is not None
