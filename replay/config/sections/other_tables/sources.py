"""``sources``: other tables, joined to the traffic by a key, or known by their distributions alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

from replay.config.messages.finding import Finding
from replay.config.messages.wording import describe, listing, suggestion
from replay.config.names import is_glob, nearest
from replay.config.plain import mapping
from replay.config.sections.base import ColumnName, SomeColumnNames, Text
from replay.config.sections.diff import Duration
from replay.config.sections.traffic import TableConfig, TimeColumn, time_column
from replay.config.sections.window import AnyWindow

PLACEHOLDER: Final = "{}"
"""Stands for a feature's name in the name of a column beside it."""
FEAST_TIME: Final = "{}__timestamp"
"""What Feast calls the column that says when a value was computed."""
FEAST_STATUS: Final = "{}__status"
"""What Feast calls the column that says why a value is missing."""
FEAST_CODES: Final[Mapping[str, str]] = {"1": "present", "2": "null", "3": "not_found", "4": "too_old"}
"""What Feast means by the values of such a column."""


def _key_names(value: object) -> object:
    """The columns of a key with what the other table calls them; a name or a list is called the same there."""
    names = (value,) if isinstance(value, str) else value
    if isinstance(names, (list, tuple)) and all(isinstance(name, str) for name in names):
        repeated = dict.fromkeys(name for name in names if names.count(name) > 1)
        if repeated:
            raise ValueError(f"{listing(f'`{name}`' for name in repeated)} is listed twice: keep one")
        return {name: name for name in names}
    if isinstance(value, dict):
        return value
    raise ValueError(f"found {describe(value)}, expected columns, or a mapping of ours to theirs: {{request_id: req}}")


def _codes(value: object) -> object:
    """A status that is a number needs no quotes in a file."""
    if isinstance(value, dict):
        return {str(key) if type(key) is int else key: meaning for key, meaning in value.items()}
    return value


KeyNames = Annotated[
    dict[ColumnName, ColumnName],
    BeforeValidator(_key_names, json_schema_input_type=SomeColumnNames | dict[ColumnName, ColumnName]),
]
ValueStatus = Annotated[Text | dict[Text, Text], BeforeValidator(_codes, json_schema_input_type=Text | dict[str, Text])]


class SourceConfig(TableConfig):
    """Another table, pinned and read like the traffic."""

    key: KeyNames = Field(default={})
    """Columns that the table is joined to the traffic by, as the traffic calls them: a list, or `{request_id: req}`
    where the other table calls them otherwise. There they are unique and not null. Without a key only the table's
    distributions are used."""
    time: Annotated[TimeColumn, BeforeValidator(time_column, json_schema_input_type=ColumnName | TimeColumn)] | None = (
        None
    )
    """Its event time, as `traffic.time`; default: `traffic.time`, where the table has such a column."""
    label: ColumnName | None = None
    """What happened, 0 or 1; default: `traffic.label`, where the table has such a column."""
    where: Text | None = None
    """Its rows, as a Spark SQL condition; default: all."""
    window: AnyWindow | None = None
    """Its event times, by both ends or, as `traffic.window`, as the `last` hours before the run starts, which with a
    `delay` may be those of last week; default: all."""
    columns: dict[Text, Text] = Field(default={})
    """Its name for each of our features: `{clicks_7d: ctr.clicks}`, or with globs `{"*": "features.*"}`, in which each
    `*` stands for the same text on both sides. A name goes before a glob, a glob before those below it; default: the
    same name."""
    value_time: Text | None = None
    """Its column that says when each value was computed, `{}` being its name of the feature: `{}_ts`. A name without
    `{}` is one column for all. Default: `{}__timestamp`, as Feast has it, where there is such a column."""
    value_status: ValueStatus | None = None
    """Its column that says why a value is missing, likewise (default: `{}__status`), with the codes of Feast (1
    present, 2 null, 3 not found, 4 too old); or what its codes mean: `{0: ok, 7: timeout}`."""
    known_at: ColumnName | None = None
    """Its column that says when a row could be known: later than the event is a leak."""
    buckets: Duration | None = None
    """Stretches of its time that are compared with each other: what differs between them is ordinary change."""

    @property
    def joined(self) -> bool:
        """Whether its rows belong to those of the traffic."""
        return bool(self.key)

    @property
    def status_column(self) -> str | None:
        """The name of a value's status, with a placeholder; None where the default holds."""
        return self.value_status if isinstance(self.value_status, str) else None

    @property
    def status_codes(self) -> Mapping[str, str]:
        """What a status means, by its value as text."""
        return self.value_status if isinstance(self.value_status, dict) else FEAST_CODES

    def name_of(self, feature: str) -> str:
        """What the table calls one of our features.

        >>> served = SourceConfig(path="log", columns={"user.id": "uid", "user.*": "u_*"})
        >>> served.name_of("user.id"), served.name_of("user.age"), served.name_of("price")
        ('uid', 'u_age', 'price')
        """
        if feature in self.columns:
            return self.columns[feature]
        for pattern, name in self.columns.items():
            found = _capturing(pattern).fullmatch(feature) if "*" in pattern else None
            if found is not None:
                first, *others = name.split("*")
                return first + "".join(text + part for text, part in zip(found.groups(), others, strict=True))
        return feature

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> Iterator[Finding]:
        """Where it is, no column twice in the key, and globs whose stars stand for each other."""
        yield from super().check(data)
        theirs: dict[str, str] = {}
        for ours, name in mapping(data.get("key")).items():
            first = theirs.setdefault(name, ours) if isinstance(name, str) else ours
            if first != ours:
                yield Finding(
                    ("key", ours), f"`{name}` is what `{first}` is called already: each has a column of its own"
                )
        for pattern, name in mapping(data.get("columns")).items():
            problem = _glob_problem(pattern, name) if isinstance(pattern, str) and isinstance(name, str) else None
            if problem is not None:
                yield Finding(("columns", pattern), problem)
        yield from check_value_columns(data)


def check_value_columns(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Find names of columns beside a value that say twice where the value's name stands.

    Args:
        data: A section with ``value_time`` and ``value_status``, as plain data.
    """
    for key in ("value_time", "value_status"):
        name = data.get(key)
        if isinstance(name, str) and name.count(PLACEHOLDER) > 1:
            yield Finding((key,), f"found `{name}`, expected one `{{}}`: it stands for the name of the feature")
        elif name == PLACEHOLDER:
            yield Finding(
                (key,), "is the feature itself: add what the column beside it is called, such as `{}__timestamp`"
            )


def _capturing(pattern: str) -> re.Pattern[str]:
    return re.compile("(.*)".join(re.escape(part) for part in pattern.split("*")), re.DOTALL)


def _glob_problem(pattern: str, name: str) -> str | None:
    """Why what the other table calls some features cannot be told from a pattern."""
    stars = pattern.count("*")
    if stars == 0 or stars == name.count("*"):
        return None
    if is_glob(pattern.replace("*", "")):
        return "takes `*` alone: it stands for the same text on both sides"
    return (
        f"`{pattern}` has {stars} `*` and `{name}` has {name.count('*')}: each stands for the same text on both sides"
    )


def check_sources(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Check ``sources`` against the traffic.

    Args:
        data: The whole config as plain data, sound or not: what has a wrong shape is skipped, as that is another
            mistake.
    """
    traffic = mapping(data.get("traffic"))
    for name, source in mapping(data.get("sources")).items():
        entry = mapping(source)
        if entry.get("time") is not None or traffic.get("time") is not None:
            continue
        for key in ("window", "buckets"):
            if entry.get(key) is not None:
                yield Finding(
                    ("sources", name, key), "needs `time`, the column of the event time, here or in `traffic`"
                )


def not_a_source(name: str, data: Mapping[str, Any]) -> str:
    """The message about a name that is under ``sources`` nowhere.

    Args:
        name: What was given.
        data: The whole config as plain data.
    """
    known = [each for each in mapping(data.get("sources")) if isinstance(each, str)]
    end = suggestion(nearest(name, known)) or f": it has {listing(known) or 'none'}"
    return f"`{name}` is not under `sources`{end}"
