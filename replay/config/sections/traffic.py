"""``traffic``: what was served online."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from replay.config.messages.finding import Finding
from replay.config.messages.wording import describe
from replay.config.plain import texts
from replay.config.sections.base import (
    ColumnName,
    ColumnNames,
    Name,
    NaturalInt,
    Section,
    Share,
    SomeColumnNames,
    Text,
)
from replay.config.sections.window import AnyWindow, UtcTime

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class TimeColumn(Section):
    """The column that holds the event time."""

    column: ColumnName
    """A timestamp column, a column of numbers of `unit` since 1970-01-01T00:00:00Z, or text: ISO 8601, or of a
    `format`."""
    unit: Literal["s", "ms", "us", "ns"] | None = None
    """Unit of a column of numbers; with a fraction they are rounded to the nearest microsecond. Leave it out for a
    timestamp column."""
    format: Text | None = None
    """How text is written, as a [pattern of Spark](https://spark.apache.org/docs/latest/sql-ref-datetime-pattern.html)
    such as `yyyy-MM-dd HH:mm:ss`; default: ISO 8601. A time without a zone is UTC."""

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> Iterator[Finding]:
        """Numbers have a unit, text has a format."""
        if data.get("unit") is not None and data.get("format") is not None:
            yield Finding((), "give at most one of `unit` (of numbers) and `format` (of text)")


def time_column(value: object) -> object:
    """Take the name of a column for a :class:`TimeColumn`."""
    if isinstance(value, str):
        return {"column": value}
    if isinstance(value, (dict, TimeColumn)):
        return value
    raise ValueError(f"found {describe(value)}, expected a column, or {{column: ts, unit: ms}}")


class ServedBy(Section):
    """The column that says which checkpoint answered online."""

    column: ColumnName
    """A column of text or numbers."""
    values: dict[Text, Name] = Field(default={})
    """The checkpoint that each value means, by the value as text: `{"17": prod}`; default: values are names under
    `checkpoints`."""


def _served_by(value: object) -> object:
    if isinstance(value, str):
        return {"column": value}
    if isinstance(value, dict) and isinstance(value.get("values"), dict):
        # A version that is a number needs no quotes in a file.
        named = {str(key) if type(key) is int else key: name for key, name in value["values"].items()}
        return {**value, "values": named}
    if isinstance(value, (dict, ServedBy)):
        return value
    raise ValueError(f"found {describe(value)}, expected a column, or {{column: version, values: {{'17': prod}}}}")


class Sample(Section):
    """A sample by hash: the same rows in every run."""

    rate: Share
    """Share of the distinct values of `by` that are kept."""
    by: ColumnNames = ()
    """Columns hashed together; default: the key."""


class TableConfig(Section):
    """Where a table is, and which version of it is read."""

    path: Text | None = None
    """A Parquet or Delta directory, local or not (`s3://`, `gs://`, `hdfs://`, ...); a relative path starts at the
    config file."""
    table: Text | None = None
    """A catalog table (`catalog.db.name`), instead of `path`."""
    delta_version: NaturalInt | None = None
    """Version of the Delta table; default: the latest when the run starts, to which the run is then pinned."""
    delta_timestamp: UtcTime | None = None
    """Time as of which the Delta table is read, instead of `delta_version`."""

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> Iterator[Finding]:
        """Either a path or a table, and one version of it."""
        if (data.get("path") is None) == (data.get("table") is None):
            yield Finding((), "give exactly one of `path` (a Parquet or Delta directory) and `table` (a catalog table)")
        if data.get("delta_version") is not None and data.get("delta_timestamp") is not None:
            yield Finding((), "give at most one of `delta_version` and `delta_timestamp`")


class TrafficConfig(TableConfig):
    """Where the logged traffic is, and what its columns mean."""

    columns: dict[Name, Text] = Field(default={})
    """More columns, each by its name an expression in Spark SQL over the logged columns and over the columns above it:
    `{log_price: "ln(1 + price)"}`. Whatever names a column may name them. See
    [Computed columns](#computed-columns)."""
    key: SomeColumnNames
    """Columns that identify a row. Nulls and duplicates are an error; `duplicates` may leave out exact copies."""
    time: Annotated[TimeColumn, BeforeValidator(time_column, json_schema_input_type=ColumnName | TimeColumn)] | None = (
        None
    )
    """The event time: a timestamp column, or `{column: ts, unit: ms}` for integers. Windows, buckets, lags and
    incidents need it."""
    score: ColumnName
    """What online answered."""
    served_by: Annotated[ServedBy, BeforeValidator(_served_by, json_schema_input_type=ColumnName | ServedBy)] | None = (
        None
    )
    """Which checkpoint online says it used: a column whose values are names under `checkpoints`, or `{column: version,
    values: {"17": prod}}`. Without a `baseline`, the route to the checkpoints that it names is the baseline."""
    label: ColumnName | None = None
    """What happened, 0 or 1. Metrics of quality (AUC, NE, calibration) need it."""
    weight: ColumnName | None = None
    """Weight of a row in the metrics."""
    group: ColumnName | None = None
    """Column of which rows with the same value were ranked together; metrics of ranking need it."""
    entity: ColumnName | None = None
    """Column of the entity (a user, an item) whose older values the op `stale` serves."""
    segments: ColumnNames = ()
    """Columns whose values are the slices of every diff and metric."""
    where: Text | None = None
    """Rows to replay, as a Spark SQL condition; default: all."""
    window: AnyWindow | None = None
    """Event times to replay; default: all. Needs `time`."""
    sample: Sample | None = None
    """Replay a share of the rows, the same ones in every run."""
    duplicates: Literal["refuse", "drop_exact"] = "refuse"
    """What becomes of rows that share a key. `refuse`: they are an error. `drop_exact`: of rows that agree in all
    columns that the run reads, one is replayed, and the others are counted; rows of one key that differ are still
    an error."""

    @property
    def selects_all(self) -> bool:
        """Whether every row of the table is replayed."""
        return self.where is None and self.window is None and self.sample is None

    @property
    def roles(self) -> dict[str, tuple[str, ...]]:
        """Columns that every run carries into the scores table, by the key that names them."""
        return columns_by_role(self.model_dump())

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> Iterator[Finding]:
        """Where it is, keys that need each other, and no column in two roles."""
        yield from super().check(data)
        if data.get("window") is not None and data.get("time") is None:
            yield Finding(("window",), "needs `traffic.time`, the column that the window selects on")
        yield from _check_columns(data)
        yield from _check_repeats(data)
        yield from _check_roles(data)
        yield from _check_names(data)


OWN_COLUMNS = ("rejected", "rejected_feature")
"""What a run writes into the scores table beside the columns that have a role, and its variants."""
# One column cannot play two of these roles.
_EXCLUSIVE = ("time", "score", "label", "weight", "served_by")


def _check_columns(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Computed columns are Spark's, for whom case makes no difference."""
    columns = data.get("columns")
    first: dict[str, str] = {}
    for name in columns if isinstance(columns, dict) else ():
        other = first.setdefault(str(name).casefold(), str(name))
        if other != name:
            yield Finding(("columns", str(name)), f"`{other}` is the same name to Spark: give one of them another")


def _check_repeats(data: Mapping[str, Any]) -> Iterator[Finding]:
    sample = data.get("sample")
    for path, value in (
        (("key",), data.get("key")),
        (("segments",), data.get("segments")),
        (("sample", "by"), sample.get("by") if isinstance(sample, dict) else None),
    ):
        columns = texts(value)
        for column in dict.fromkeys(column for column in columns if columns.count(column) > 1):
            yield Finding(path, f"`{column}` is listed {columns.count(column)} times: keep one")


def _check_roles(data: Mapping[str, Any]) -> Iterator[Finding]:
    columns = columns_by_role(data)
    roles: dict[str, list[str]] = defaultdict(list)
    for role in _EXCLUSIVE:
        for column in columns.get(role, ()):
            roles[column].append(role)
    for column, played in roles.items():
        if len(played) > 1:
            yield Finding((played[-1],), f"`{column}` is already the `{played[0]}` column: one of them is wrong")
        elif column in columns.get("key", ()) and played[0] != "time":
            yield Finding((played[0],), f"`{column}` is part of `key`: it cannot be the {played[0]} as well")


def _check_names(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Columns that the scores table cannot hold beside its own and each other: Delta makes no difference of case."""
    taken: dict[str, str] = {}
    for role, names in columns_by_role(data).items():
        for name in names:
            first = taken.setdefault(name.casefold(), name)
            problem = _name_problem(name, first)
            if problem is not None:
                yield Finding((role,), f"the scores table cannot hold the column {name!r}: {problem}")
                taken[name.casefold()] = name


def _name_problem(name: str, first: str) -> str | None:
    """Why the scores table cannot hold a column, and what helps."""
    alias = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "column"
    quoted = name.replace("`", "``")
    other = (
        f"give it another name, `columns: {{{alias}_logged: {json.dumps(f'`{quoted}`', ensure_ascii=False)}}}`, and "
        f"write `{alias}_logged` here"
    )
    if name.casefold() in OWN_COLUMNS:
        return f"a column of its own is called so; {other}"
    if _CONTROL.search(name):
        return f"its name has a control character, such as a tab or a newline; {other}"
    if first != name:
        return f"to it, `{first}` is the same name; log one of them under another name"
    return None


def columns_by_role(data: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Columns that every run carries into the scores table, by the key of the section (as plain data) that names them.

    >>> columns_by_role({"key": ["id"], "time": {"column": "ts"}, "score": "s"})
    {'key': ('id',), 'time': ('ts',), 'score': ('s',)}
    """
    sections = {role: data.get(role) for role in ("time", "served_by")}
    columns = {role: each.get("column") if isinstance(each, dict) else each for role, each in sections.items()}
    named = {**data, **columns}
    roles = ("key", "time", "score", "label", "weight", "group", "entity", "served_by", "segments")
    return {role: texts(named[role]) for role in roles if named.get(role) is not None}
