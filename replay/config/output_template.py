"""Names of outputs that come from the window of a run: ``out/{window.start:%Y/%m/%dT%H}``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from replay.config.messages.finding import Finding
from replay.config.messages.wording import listing
from replay.config.plain import mapping

FIELDS = ("window.start", "window.end")
SUGGESTED = "{window.start:%Y/%m/%dT%H}"
"""What tells the outputs of an hourly run apart."""

_DEFAULT = "%Y%m%dT%H%M%SZ"
_PART = re.compile(r"\{\{|\}\}|\{([^{}:]*)(?::([^{}]*))?\}|[{}]")
_DIRECTIVE = re.compile(r"%(.?)")
# What gives digits, and the same ones in every language.
_DIRECTIVES = "YmdHMSjyGVu%"


def render_output(template: str, window: Mapping[str, datetime | None]) -> str:
    """Put the times of a window into the name of an output.

    Args:
        template: One of which `check_output_template` finds nothing wrong.
        window: Times in UTC, by the name of the field without ``window.``.

    >>> hour = {"start": datetime(2026, 11, 20, 9, tzinfo=UTC), "end": datetime(2026, 11, 20, 10, tzinfo=UTC)}
    >>> render_output("out/{window.start:%Y/%m/%dT%H}", hour), render_output("out/{window.end}", hour)
    ('out/2026/11/20T09', 'out/20261120T100000Z')
    >>> render_output("out/{{a}}", {})
    'out/{a}'
    """

    def put(part: re.Match[str]) -> str:
        if part[0] in ("{{", "}}"):
            return part[0][0]
        moment = window.get(part[1].removeprefix("window.")) if part[1] is not None else None
        return part[0] if moment is None else moment.astimezone(UTC).strftime(part[2] or _DEFAULT)

    return _PART.sub(put, template)


def literal(path: str) -> str:
    """Write a path so that it stands for itself in a template.

    >>> literal("/data/{a}"), literal("/data")
    ('/data/{{a}}', '/data')
    """
    return path.replace("{", "{{").replace("}", "}}")


def has_fields(template: str) -> bool:
    """Whether an output is named by its window.

    >>> has_fields("out/{window.start:%H}"), has_fields("out/{{a}}")
    (True, False)
    """
    return any(part[1] is not None for part in _PART.finditer(template))


def check_output_template(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Find what is wrong with the name of an output.

    Args:
        data: The config as plain data.
    """
    template, window = data.get("output"), mapping(mapping(data.get("traffic")).get("window"))
    for part in _PART.finditer(template) if isinstance(template, str) else ():
        problem = _problem(part, window)
        if problem is not None:
            yield Finding(("output",), problem)


def _problem(part: re.Match[str], window: Mapping[str, Any]) -> str | None:
    if part[0] in ("{{", "}}"):
        return None
    there = f"there are {listing(f'{{{field}}}' for field in FIELDS)}, each with a format such as {SUGGESTED}"
    if part[1] is None:
        return f"found a single `{part[0]}`: {there}; a brace that is meant is written twice"
    if part[1] not in FIELDS:
        return f"no field `{{{part[1]}}}`: {there}"
    if window.get("last") is None and window.get(part[1].removeprefix("window.")) is None:
        return f"`{{{part[1]}}}` needs a `traffic.window` with `{part[1].removeprefix('window.')}`, or with `last`"
    unknown = [found[0] for found in _DIRECTIVE.finditer(part[2] or "") if not found[1] or found[1] not in _DIRECTIVES]
    if unknown:
        taken = listing(f"%{each}" for each in _DIRECTIVES)
        return f"found {listing(unknown)} in the format of `{{{part[1]}}}`, expected {taken}"
    return None
