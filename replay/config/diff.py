"""``diff``: when a replayed score agrees with the online one, and how time is cut."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

from replay.config.base import Section

_DURATION = re.compile(r"^(\d+(?:\.\d+)?)\s*(ms|s|sec|m|min|h|hour|d|day)s?$")
_SECONDS = {"ms": 1e-3, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "hour": 3600, "d": 86400, "day": 86400}


def parse_duration(value: object) -> object:
    """Read ``30s``, ``1min``, ``3h`` or ``1d`` as a timedelta; anything else is handed on as it is.

    >>> parse_duration("90s")
    datetime.timedelta(seconds=90)
    """
    if not isinstance(value, str):
        return value
    match = _DURATION.match(value.strip())
    if match is None:
        raise ValueError(f"found {value!r}, expected a duration such as 30s, 1min, 3h or 1d")
    return timedelta(seconds=float(match[1]) * _SECONDS[match[2]])


Duration = Annotated[timedelta, BeforeValidator(parse_duration), Field(gt=timedelta(0))]


class Tolerance(Section):
    """``|replayed - online| <= abs + rel * |online|`` is agreement."""

    abs: float = Field(default=1e-6, ge=0, allow_inf_nan=False)
    rel: float = Field(default=1e-5, ge=0, allow_inf_nan=False)


class DiffConfig(Section):
    """How replayed scores are compared."""

    tolerance: Tolerance = Tolerance()
    bucket: Duration = timedelta(minutes=1)
    """Width of a time bucket; buckets are aligned to 1970-01-01T00:00:00Z."""
    worst_rows: int = Field(default=100, ge=0)
    """Rows kept in `diffs`, per variant."""
