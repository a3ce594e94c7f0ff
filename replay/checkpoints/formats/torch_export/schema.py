"""Texts of a torch.export program, each with the field that it stands in, as torch's own schema has it.

torch reads the program into the dataclasses of ``torch/_export/serde/schema.py`` by the types of their fields, and
keeps values of other types than declared as they are. So the program is read the same way here, and anything else
refused: what a text is follows from its field, never from a key that looks like one.
"""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from replay.checkpoints.formats.torch_export.internals import program_schema

_NOT_FINITE: Final = frozenset(["Infinity", "-Infinity", "NaN"])
"""How torch writes these numbers in JSON."""
_FORMER: Final = {"ExportedProgram": frozenset(["dialect"])}
"""Fields of earlier versions, which torch no longer looks at."""

Text = tuple[str, str, str]
"""Class and field of the schema, and the text. Of a mapping's own keys, the field with ``[]``; of its texts, the field
with the key (``metadata.stack_trace``)."""


class SchemaError(Exception):
    """The program is not of torch's schema."""


def texts(program: Any) -> Iterator[Text]:
    """Every text of a program.

    Args:
        program: The JSON of ``models/*.json``.

    Raises:
        SchemaError: It has a field that torch's schema does not have, or a value of another type.
    """
    yield from _dataclass(program_schema().ExportedProgram, program)


@cache
def _fields(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind, globalns=vars(program_schema()))


def _dataclass(kind: type, value: Any) -> Iterator[Text]:
    name = kind.__name__
    if not isinstance(value, dict):
        raise SchemaError(f"{name} is of type {type(value).__name__}, expected a mapping")
    fields = {field: hint for field, hint in _fields(kind).items() if not field.startswith("_")}
    one_of = any(base.__name__ == "_Union" for base in kind.__mro__)
    if one_of and len(value) != 1:
        raise SchemaError(f"{name} has {len(value)} values, expected one")
    for field, inner in value.items():
        if field in fields:
            yield from _value(fields[field], inner, name, field)
        elif field not in _FORMER.get(name, ()):
            raise SchemaError(f"{name} has a field {str(field)[:40]!r}, which this torch does not have")


def _value(hint: Any, value: Any, owner: str, field: str) -> Iterator[Text]:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is not None:
            (hint,) = (each for each in inner if each is not type(None))
            yield from _value(hint, value, owner, field)
    elif origin is list:
        for item in _of_type(value, list, owner, field):
            yield from _value(inner[0], item, owner, field)
    elif origin is dict:
        for key, item in _of_type(value, dict, owner, field).items():
            yield owner, f"{field}[]", key
            yield from _value(inner[1], item, owner, f"{field}.{key}" if inner[1] is str else field)
    elif dataclasses.is_dataclass(hint):
        yield from _dataclass(typing.cast("type", hint), value)
    elif hint is str:
        yield owner, field, _of_type(value, str, owner, field)
    else:
        _check_number(hint, value, owner, field)


def _of_type(value: Any, expected: type, owner: str, field: str) -> Any:
    if type(value) is not expected:
        raise SchemaError(f"{owner}.{field} is of type {type(value).__name__}, expected {expected.__name__}")
    return value


def _check_number(hint: Any, value: Any, owner: str, field: str) -> None:
    if hint is float:
        fine = type(value) in (int, float) or (type(value) is str and value in _NOT_FINITE)
    elif hint is bool:
        fine = type(value) is bool
    else:
        fine = (hint is int or (isinstance(hint, type) and issubclass(hint, enum.IntEnum))) and type(value) is int
    if not fine:
        raise SchemaError(f"{owner}.{field} is {str(value)[:80]!r}, expected a number or truth of its own type")
