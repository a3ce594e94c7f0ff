"""Objects in a TorchScript pickle: each of the class that its place declares.

torch puts them into their places without a comparison, and code that was compiled for one class then reads the memory
of another.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from replay.checkpoints.placeholders import Placeholder
from replay.checkpoints.script_code import ScriptClass

_VALUES = frozenset(["NamedTuple", "Enum"])
"""Classes whose values carry their own kind, which torch compares where it is used."""
_INTERFACES = frozenset(["Interface", "ModuleInterface"])


def fits(value: Any, declared: ast.expr | None, classes: Mapping[str, ScriptClass]) -> bool:
    """Whether a value is of a declared type, as far as classes of the archive go.

    Args:
        value: As read, with placeholders for objects.
        declared: The type in the source; None where none is declared.
        classes: Those of the archive.
    """
    if isinstance(declared, ast.Attribute):
        return _is_of_class(value, ast.unparse(declared), classes)
    if not isinstance(declared, ast.Subscript) or not isinstance(declared.value, ast.Name):
        return True
    inner = declared.slice.elts if isinstance(declared.slice, ast.Tuple) else [declared.slice]
    kind = declared.value.id
    if kind in ("Optional", "Union"):
        return value is None or any(fits(value, each, classes) for each in inner)
    if kind == "Final":
        return fits(value, inner[0], classes)
    if kind == "List":
        return not isinstance(value, list) or all(fits(item, inner[0], classes) for item in value)
    if kind == "Dict":
        return not isinstance(value, dict) or all(fits(item, inner[-1], classes) for item in value.values())
    if kind == "Tuple":
        return not isinstance(value, tuple) or all(
            fits(item, each, classes) for item, each in zip(value, inner, strict=False)
        )
    return True


def _is_of_class(value: Any, name: str, classes: Mapping[str, ScriptClass]) -> bool:
    known = classes.get(name)
    if known is not None and known.bases & _VALUES:
        return True
    if not isinstance(value, Placeholder):
        return False
    if known is not None and known.bases & _INTERFACES:
        own = classes.get(value.origin)
        return own is not None and known.methods <= own.methods
    return bool(value.origin == name)
