"""Pydantic's errors in the words of the config."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from replay.config.base import NAME_PATTERN
from replay.config.checkpoints import FACTORY_PATTERN, SHA256_PATTERN
from replay.config.finding import FINDINGS, Finding, KeyPath
from replay.config.names import nearest
from replay.config.shape import keys_of, purpose, section_at
from replay.config.wording import describe, listing

_PATTERNS = {
    NAME_PATTERN: "a name of letters, digits and _ . + - (it becomes a column)",
    FACTORY_PATTERN: "`module:function` or `file.py:function`",
    SHA256_PATTERN: "the 64 hexadecimal digits of a sha256",
}
_EXPECTED = {
    "string_type": "text",
    "string_too_short": "text",
    "too_short": "at least one entry",
    "tuple_type": "a list",
    "dict_type": "a mapping (name: value)",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a smaller whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
}


def translate(error: ValidationError, data: Mapping[str, Any]) -> list[Finding]:
    """Turn pydantic's errors into findings.

    Args:
        error: From validating ``data``.
        data: The config as plain data, by which union branches and the like are told from keys.
    """
    findings = [finding for detail in error.errors(include_url=False) for finding in _translate(detail, data)]
    deeper = {finding.path[:depth] for finding in findings for depth in range(len(finding.path))}
    short = {_place(detail, data) for detail in error.errors(include_url=False) if detail["type"] == "too_short"}
    # A list that lost all its entries to other mistakes is not short as well.
    return [finding for finding in findings if finding.path not in short & deeper]


def _translate(detail: ErrorDetails, data: Mapping[str, Any]) -> Iterator[Finding]:
    path = _place(detail, data)
    if detail["type"] == FINDINGS:
        yield from (finding.under(path) for finding in detail["ctx"][FINDINGS])
    else:
        yield Finding(path, _message(detail, path, data))


def _place(detail: ErrorDetails, data: Any) -> KeyPath:
    """The error's place in the data: its location without what names a branch of a type."""
    path: KeyPath = ()
    here = data
    for position, part in enumerate(detail["loc"]):
        last = position == len(detail["loc"]) - 1
        is_key = isinstance(here, dict) and (part in here or (last and detail["type"] == "missing"))
        is_index = isinstance(here, (list, tuple)) and isinstance(part, int)
        if is_key or is_index:
            path = (*path, part)
            here = here.get(part) if isinstance(here, dict) else here[int(part)]
    return path


def _message(detail: ErrorDetails, path: KeyPath, data: Any) -> str:
    kind = detail["type"]
    if kind == "missing":
        return _missing(path)
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    value = _found(detail, path, data)
    special = _SPECIAL.get(kind)
    expected = special(detail, path) if special is not None else _EXPECTED.get(kind)
    if expected is None:
        return f"found {describe(value)}: {detail['msg'][:1].lower()}{detail['msg'][1:]}"
    hint = ": put it in quotes" if kind == "string_type" and isinstance(value, (bool, int, float)) else ""
    return f"found {describe(value)}, expected {expected}{hint}"


def _found(detail: ErrorDetails, path: KeyPath, data: Any) -> object:
    """What stands in the file; pydantic reports what its validators have made of it."""
    if detail["loc"][-1] == "[key]":
        return detail["input"]
    for part in path:
        data = data[part]
    return data


def _missing(path: KeyPath) -> str:
    if path == ("version",):
        return "required key is missing: write `version: 1`"
    why = purpose(path)
    return f"required key is missing: {why[:1].lower()}{why[1:]}" if why else "required key is missing"


def _one_of(detail: ErrorDetails, path: KeyPath) -> str:
    section = section_at(path[:-1])
    if path == ("version",):
        return "1, the only version of this file's layout"
    choices = _choices(section.model_fields[str(path[-1])].annotation) if section is not None else ()
    if not choices:
        return str(detail["ctx"]["expected"])
    near = nearest(detail["input"], choices) if isinstance(detail["input"], str) else None
    return f"one of {listing(choices)}" + (f"; did you mean `{near}`?" if near else "")


def _choices(annotation: Any) -> tuple[str, ...]:
    arguments = getattr(annotation, "__args__", ())
    if all(isinstance(argument, str) for argument in arguments):
        return tuple(arguments)
    return next((found for argument in arguments if (found := _choices(argument))), ())


def _section(detail: ErrorDetails, path: KeyPath) -> str:
    section = section_at(path)
    if section is None:
        return "a mapping"
    fields = section.model_fields
    keys = (f"{key} (required)" if fields[key].is_required() else key for key in keys_of(section))
    return f"a mapping with the keys {listing(keys)}"


def _bound(words: str, key: str) -> Callable[[ErrorDetails, KeyPath], str]:
    def expected(detail: ErrorDetails, path: KeyPath) -> str:
        bound = detail["ctx"][key]
        return f"{words} {bound:g}" if isinstance(bound, float) else f"{words} {bound}"

    return expected


_SPECIAL: dict[str, Callable[[ErrorDetails, KeyPath], str]] = {
    "literal_error": _one_of,
    "model_type": _section,
    "model_attributes_type": _section,
    "greater_than": _bound("more than", "gt"),
    "greater_than_equal": _bound("at least", "ge"),
    "less_than": _bound("less than", "lt"),
    "less_than_equal": _bound("at most", "le"),
    "string_pattern_mismatch": lambda detail, path: _PATTERNS[detail["ctx"]["pattern"]],
}
