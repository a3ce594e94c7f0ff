"""Pydantic's errors as findings, in the words of the config."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from replay.config.messages.finding import FINDINGS, Finding, KeyPath
from replay.config.messages.wording import describe, listing
from replay.config.names import nearest
from replay.config.sections.base import NAME_PATTERN
from replay.config.sections.checkpoints import FACTORY_PATTERN, SHA256_PATTERN
from replay.config.shape import field_of, keys_of, purpose, section_at, under

_Expected = Callable[[ErrorDetails, KeyPath, Mapping[str, Any]], str]

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
    "bool_type": "true or false",
}


def translate(error: ValidationError, data: Mapping[str, Any]) -> list[Finding]:
    """Turn pydantic's errors into findings.

    Args:
        error: From validating ``data``.
        data: The config as plain data, which tells branches of a union from keys.
    """
    short: list[Finding] = []
    findings: list[Finding] = []
    for detail in error.errors(include_url=False):
        (short if detail["type"] == "too_short" else findings).extend(_translate(detail, data))
    # A list that lost all its entries to other mistakes is not short as well.
    around = {finding.path for finding in findings}
    around |= {finding.path[:depth] for finding in (*findings, *short) for depth in range(len(finding.path))}
    return [*findings, *(finding for finding in short if finding.path not in around)]


def _translate(detail: ErrorDetails, data: Mapping[str, Any]) -> Iterator[Finding]:
    path = _place(detail, data)
    if detail["type"] == FINDINGS:
        yield from (_clipped(finding.under(path), data) for finding in detail["ctx"][FINDINGS])
    else:
        yield Finding(path, _message(detail, path, data), of_key=detail["loc"][-1:] == ("[key]",))


def _clipped(finding: Finding, data: Any) -> Finding:
    """The finding with a path that the file has: where one value stands for a list, its entry is the value itself."""
    path: KeyPath = ()
    for part in finding.path:
        if isinstance(part, str) or isinstance(data, (list, tuple)):
            path = (*path, part)
            data = under(data, part)
    return replace(finding, path=path)


def _place(detail: ErrorDetails, data: Any) -> KeyPath:
    """The error's path in the data: its location without the names of branches of a type."""
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
        return _missing(path, data)
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    value = _found(detail, path, data)
    special = _SPECIAL.get(kind)
    expected = special(detail, path, data) if special is not None else _EXPECTED.get(kind)
    if expected is None:
        return f"found {describe(value)}: {detail['msg'][:1].lower()}{detail['msg'][1:]}"
    hint = ": put it in quotes" if kind == "string_type" and isinstance(value, (bool, int, float)) else ""
    return f"found {describe(value)}, expected {expected}{hint}"


def _found(detail: ErrorDetails, path: KeyPath, data: Any) -> object:
    """The value in the file; pydantic reports what its validators have made of it."""
    if detail["loc"][-1] == "[key]":
        return detail["input"]
    for part in path:
        data = data[part]
    return data


def _missing(path: KeyPath, data: Mapping[str, Any]) -> str:
    if path == ("version",):
        return "required key is missing: write `version: 1`"
    why = purpose(path, data)
    return f"required key is missing: {why[:1].lower()}{why[1:]}" if why else "required key is missing"


def _one_of(detail: ErrorDetails, path: KeyPath, data: Mapping[str, Any]) -> str:
    section = section_at(path[:-1], data)
    if path == ("version",):
        return "1, the only version of this file's layout"
    info = field_of(section, str(path[-1])) if section is not None else None
    choices = () if info is None else _choices(info.annotation)
    if info is not None and not choices:
        choices = next((each.choices() for each in info.metadata if hasattr(each, "choices")), ())
    if not choices:
        return str(detail["ctx"]["expected"])
    near = nearest(detail["input"], choices) if isinstance(detail["input"], str) else None
    below = section_at(path, data)
    choice = f"one of {listing(choices)}" if len(choices) > 1 else choices[0]
    other = f", or a mapping with the keys {listing(keys_of(below))}" if below is not None else ""
    return f"{choice}{other}" + (f"; did you mean `{near}`?" if near else "")


def _choices(annotation: Any) -> tuple[str, ...]:
    arguments = getattr(annotation, "__args__", ())
    if all(isinstance(argument, str) for argument in arguments):
        return tuple(arguments)
    return next((found for argument in arguments if (found := _choices(argument))), ())


def _section(detail: ErrorDetails, path: KeyPath, data: Mapping[str, Any]) -> str:
    section = section_at(path, data)
    if section is None:
        return "a mapping"
    required = {info.alias or name for name, info in section.model_fields.items() if info.is_required()}
    keys = (f"{key} (required)" if key in required else key for key in keys_of(section))
    return f"a mapping with the keys {listing(keys)}"


def _bound(words: str, key: str) -> _Expected:
    def expected(detail: ErrorDetails, path: KeyPath, data: Mapping[str, Any]) -> str:
        bound = detail["ctx"][key]
        return f"{words} {bound:g}" if isinstance(bound, float) else f"{words} {bound}"

    return expected


_SPECIAL: dict[str, _Expected] = {
    "literal_error": _one_of,
    "model_type": _section,
    "model_attributes_type": _section,
    "greater_than": _bound("more than", "gt"),
    "greater_than_equal": _bound("at least", "ge"),
    "less_than": _bound("less than", "lt"),
    "less_than_equal": _bound("at most", "le"),
    "string_pattern_mismatch": lambda detail, path, data: _PATTERNS[detail["ctx"]["pattern"]],
}
