"""Windows of event time: given by both ends, or as the last hours before a run starts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, SerializerFunctionWrapHandler, model_serializer, model_validator

from replay.config.messages.finding import Finding
from replay.config.messages.wording import describe, listing
from replay.config.sections.base import Section, in_words
from replay.config.sections.diff import Duration, parse_duration, render_duration

_SPACE_BEFORE_ZONE = re.compile(r"\s+(?=(?:[Zz]|[+-]\d\d:?\d\d)$)")
_ROLLING = ("last", "ending", "delay")
_LONGEST = timedelta(days=36_500)


def parse_time(value: object) -> object:
    """Read ISO 8601, such as ``2026-11-20T10:00:00Z``, ``2026-11-20 10:00`` or ``2026-11-20``.

    A number is refused: it does not say its unit.
    """
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(_SPACE_BEFORE_ZONE.sub("", value.strip()))
        except ValueError:
            pass
    raise ValueError(f"found {describe(value)}, expected a time such as 2026-11-20T10:00:00Z")


def _utc(moment: datetime) -> datetime:
    """Read a time without a zone as UTC, and move any other to UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


UtcTime = Annotated[
    datetime,
    BeforeValidator(parse_time, json_schema_input_type=Annotated[str, in_words("time")]),
    AfterValidator(_utc),
]


class Window(Section):
    """A half-open interval of event time, [start, end), in UTC."""

    start: UtcTime | None = None
    """The first moment that is in; UTC where no zone is given."""
    end: UtcTime | None = None
    """The first moment that is no longer in; UTC where no zone is given."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError(
                f"start {self.start.isoformat()} is not before end {self.end.isoformat()}: a window is [start, end)"
            )
        return self


class TrafficWindow(Window):
    """The same, or the last hours before a run starts, which are [start, end) once it has."""

    last: Duration | None = None
    """Length of a window that ends when the run starts, instead of `start` and `end`: `1h`. It is resolved once, at the
    start of the run; a run that goes on from where it stopped keeps it."""
    ending: Literal["now", "hour", "day"] | None = None
    """Where the window of `last` ends: `now` (the default; whole seconds), or at the last full `hour` or `day` in
    UTC."""
    delay: Duration | None = None
    """How late rows may still arrive: the window of `last` is that of a run which started so much earlier."""

    @property
    def is_rolling(self) -> bool:
        """Whether it says how long before the start of a run it lies, rather than where."""
        return self.last is not None

    @classmethod
    def check(cls, data: Mapping[str, Any]) -> Iterator[Finding]:
        """Both ways to give a window are not mixed."""
        ends = [key for key in ("start", "end") if data.get(key) is not None]
        rolling = [key for key in _ROLLING if data.get(key) is not None]
        if rolling and ends:
            whole = "to replace it, set the window whole: {start: ..., end: ...}"
            yield Finding((), f"found {listing([*ends, *rolling])}: give either `start` and `end`, or `last`; {whole}")
        elif rolling and "last" not in rolling:
            yield Finding((rolling[0],), "needs `last`, the length of the window, such as 1h")
        for key in ("last", "delay"):
            length = _length(data.get(key))
            if length is not None and length > _LONGEST:
                yield Finding((key,), f"found {render_duration(length)}, expected at most 100 years")

    @model_serializer(mode="wrap")
    def _without_what_is_not_given(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A window with two ends is written as one always was: configs of earlier versions keep their fingerprint."""
        written: dict[str, Any] = handler(self)
        return {key: value for key, value in written.items() if key not in _ROLLING or value is not None}

    def resolved(self, now: datetime) -> TrafficWindow:
        """The window of a run that starts at a moment, by its two ends; one that has them stays as it is.

        Args:
            now: With a time zone.

        >>> hour = TrafficWindow(last="1h", ending="hour", delay="10min")
        >>> hour.resolved(datetime(2026, 11, 20, 10, 5, tzinfo=UTC)).end
        datetime.datetime(2026, 11, 20, 9, 0, tzinfo=datetime.timezone.utc)
        """
        if self.last is None:
            return self
        end = (now.astimezone(UTC) - (self.delay or timedelta(0))).replace(microsecond=0)
        if self.ending in ("hour", "day"):
            end = end.replace(minute=0, second=0)
        if self.ending == "day":
            end = end.replace(hour=0)
        return TrafficWindow(start=end - self.last, end=end)

    def rule(self) -> dict[str, str]:
        """How it is resolved, as a file says it; nothing for a window with two ends."""
        if self.last is None:
            return {}
        delay = {} if self.delay is None else {"delay": render_duration(self.delay)}
        return {"last": render_duration(self.last), "ending": self.ending or "now", **delay}


def traffic_window(value: object) -> object:
    """Take a plain window for one of the traffic."""
    return as_traffic_window(value) if isinstance(value, Window) else value


def as_traffic_window(window: Window) -> TrafficWindow:
    """A window as one of the traffic."""
    return window if isinstance(window, TrafficWindow) else TrafficWindow(start=window.start, end=window.end)


AnyWindow = Annotated[TrafficWindow, BeforeValidator(traffic_window, json_schema_input_type=TrafficWindow)]


def _length(value: object) -> timedelta | None:
    try:
        length = parse_duration(value)
    except ValueError:
        return None
    return length if isinstance(length, timedelta) else None
