"""What no single key of ``scenarios`` can tell.

All over plain data, sound or not: what has a wrong shape is skipped, as that is another mistake.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from replay.config.messages.finding import Finding
from replay.config.messages.wording import listing, suggestion
from replay.config.names import nearest
from replay.config.plain import mapping, mappings
from replay.config.sections.checkpoints import FACTORY_PATTERN, check_plain
from replay.config.sections.diff import parse_duration, render_duration
from replay.config.sections.dtypes import as_number
from replay.config.sections.scenarios import OPS
from replay.config.sections.target_checks import check_sensitivity, check_targets
from replay.config.sections.traffic import Window

_ARGUMENTS = (
    "value",
    "std",
    "relative_std",
    "factor",
    "function",
    "lag",
    "with",
    "bits",
    "dtype",
    "min",
    "max",
    "kwargs",
)
# For each op the arguments of which one must be given, and those that may be.
_REQUIRED: dict[str, tuple[str, ...]] = {
    "constant": ("value",),
    "noise": ("std", "relative_std"),
    "scale": ("factor", "function"),
    "stale": ("lag",),
    "swap": ("with",),
    "cast": ("dtype",),
    "clip": ("min", "max"),
}
_ONE_ONLY = ("noise", "scale")
_OPTIONAL: dict[str, tuple[str, ...]] = {"bitflip": ("bits",)}
_CUSTOM = re.compile(FACTORY_PATTERN)


def check_scenarios(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Check ``scenarios`` against themselves, the model and the traffic.

    Args:
        data: The whole config as plain data.
    """
    for name, steps in mapping(data.get("scenarios")).items():
        for index, step in mappings(steps):
            for finding in _check_step(step, data):
                yield finding.under(("scenarios", name, index))
    if data.get("sensitivity") is True:
        yield from (finding.under(("sensitivity",)) for finding in check_sensitivity(mapping(data.get("model"))))


def _check_step(step: dict[str, Any], data: Mapping[str, Any]) -> Iterator[Finding]:
    step = {("with" if key == "with_" else key): value for key, value in step.items()}
    op = step.get("op")
    if not isinstance(op, str):
        return
    yield from _check_arguments(op, step)
    yield from check_plain(step.get("kwargs"), ("kwargs",), "a perturbation")
    yield from check_targets(op, step, mapping(data.get("model")))
    yield from _check_lists(step)
    traffic = mapping(data.get("traffic"))
    if step.get("window") is not None and traffic:
        yield from (finding.under(("window",)) for finding in _check_window(step["window"], traffic))
    if op == "stale" and traffic:
        for key, why in (("entity", "whose history the older value comes from"), ("time", "when a value was logged")):
            if traffic.get(key) is None:
                yield Finding(("op",), f"`stale` needs `traffic.{key}`: {why}")


def _check_arguments(op: str, step: dict[str, Any]) -> Iterator[Finding]:
    given = [key for key in _ARGUMENTS if step.get(key) not in (None, (), [], {})]
    if op not in OPS:
        if not _CUSTOM.match(op):
            end = suggestion(nearest(op, OPS)) or f": expected one of {listing(OPS)}, or `module:Class` of your own"
            yield Finding(("op",), f"`{op}` is no perturbation{end}")
            return
        takes: tuple[str, ...] = ("kwargs",)
    else:
        required = _REQUIRED.get(op, ())
        takes = (*required, *_OPTIONAL.get(op, ()))
        present = [key for key in required if key in given]
        if required and not present:
            yield Finding((), f"`{op}` needs {' or '.join(f'`{key}`' for key in required)}")
        elif op in _ONE_ONLY and len(present) > 1:
            yield Finding((), f"`{op}` takes one of {listing(f'`{key}`' for key in required)}, found both")
    for key in given:
        if key not in takes:
            expected = f"it takes {listing(f'`{each}`' for each in takes)}" if takes else "it takes no arguments"
            yield Finding((key,), f"is no argument of `{op}`: {expected}")
    low, high = step.get("min"), step.get("max")
    if isinstance(low, (int, float)) and isinstance(high, (int, float)) and low > high:
        yield Finding((), f"min {low:g} is above max {high:g}")


def _check_window(value: object, traffic: dict[str, Any]) -> Iterator[Finding]:
    if traffic.get("time") is None:
        yield Finding((), "needs `traffic.time`, the column that the window selects on")
        return
    try:
        window, replayed = Window.model_validate(value), Window.model_validate(traffic.get("window") or {})
    except ValidationError:
        return
    starts = [each.start for each in (window, replayed) if each.start is not None]
    ends = [each.end for each in (window, replayed) if each.end is not None]
    if starts and ends and max(starts) >= min(ends):
        yield Finding((), "has no moment in common with `traffic.window`: no row would be touched")


def _check_lists(step: dict[str, Any]) -> Iterator[Finding]:
    """Values that are the same however they are written."""
    readers: dict[str, Callable[[object], object]] = {"rate": _rate, "lag": _lag}
    for key, read in readers.items():
        values = step.get(key)
        seen: set[object] = set()
        for place, value in enumerate(values if isinstance(values, (list, tuple)) else ()):
            meant = read(value)
            if meant is not None and meant in seen:
                shown = render_duration(meant) if isinstance(meant, timedelta) else meant
                yield Finding((key, place), f"{shown} is listed twice: each value gives a variant")
            seen.add(meant)


def _rate(value: object) -> object:
    return as_number(value) if isinstance(value, str) else value if isinstance(value, float | int) else None


def _lag(value: object) -> object:
    try:
        return parse_duration(value)
    except ValueError:
        return None
