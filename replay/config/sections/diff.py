"""``diff``: when a replayed score agrees with the online one, and how time is cut."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, PlainSerializer, Tag

from replay.config.messages.wording import describe
from replay.config.sections.base import NaturalInt, NonNegativeFloat, Section, in_words

_DURATION = re.compile(r"^(\d+(?:\.\d+)?)\s*(ms|s|sec|m|min|h|hour|d|day)s?$")
_SECONDS = {"ms": 1e-3, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "hour": 3600, "d": 86400, "day": 86400}


def parse_duration(value: object) -> object:
    """Read ``30s``, ``1min``, ``3h`` or ``1d`` as a timedelta; a timedelta stays what it is.

    Raises:
        ValueError: It is neither; a bare number does not say its unit.

    >>> parse_duration("90s")
    datetime.timedelta(seconds=90)
    """
    if isinstance(value, timedelta):
        return value
    match = _DURATION.match(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"found {describe(value)}, expected a duration such as 30s, 1min, 3h or 1d")
    try:
        return timedelta(seconds=float(match[1]) * _SECONDS[match[2]])
    except OverflowError as error:
        raise ValueError(f"found {describe(value)}, which is longer than any time there is") from error


def render_duration(value: timedelta) -> str:
    """Write a duration so that `parse_duration` reads it back, in the largest unit that leaves it whole.

    >>> render_duration(timedelta(hours=3)), render_duration(timedelta(seconds=90))
    ('3h', '90s')
    """
    for unit, length in (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("min", timedelta(minutes=1))):
        if value % length == timedelta(0):
            return f"{value // length}{unit}"
    if value % timedelta(seconds=1) == timedelta(0):
        return f"{value // timedelta(seconds=1)}s"
    microseconds = value // timedelta(microseconds=1)
    return f"{microseconds // 1000}.{microseconds % 1000:03d}".rstrip("0").rstrip(".") + "ms"


Duration = Annotated[
    timedelta,
    Field(gt=timedelta(0)),
    BeforeValidator(
        parse_duration, json_schema_input_type=Annotated[str, Field(pattern=_DURATION.pattern), in_words("duration")]
    ),
    PlainSerializer(render_duration, return_type=str, when_used="json"),
]


class Tolerance(Section):
    """``|replayed - online| <= abs + rel * |online|`` is agreement."""

    abs: NonNegativeFloat = 1e-6
    """The part that does not depend on the score."""
    rel: NonNegativeFloat = 1e-5
    """The part that grows with the online score."""


class DiffConfig(Section):
    """How replayed scores are compared."""

    tolerance: Annotated[
        Annotated[Tolerance, Tag("<given>")] | Annotated[Literal["auto"], Tag("<auto>")],
        Discriminator(lambda value: "<auto>" if isinstance(value, str) else "<given>"),
    ] = Tolerance()
    """When a replayed score agrees with the online one: `|replayed - online| <= abs + rel * |online|`. `auto`: the
    measured noise floor."""
    bucket: Duration = Field(default=timedelta(minutes=1), json_schema_extra={"default": "1min"})
    """Width of the time buckets by which differences are reported; they are aligned to 1970-01-01T00:00:00Z."""
    worst_rows: NaturalInt = 100
    """Rows of each variant that the table `diffs` keeps, the worst first."""
