"""Objects in a TorchScript pickle: each of the class that its place declares.

torch puts them into their places without a comparison, and code that was compiled for one class then reads the memory
of another.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from replay.checkpoints.formats.torchscript.declared import ScriptClass
from replay.checkpoints.safety.placeholders import Placeholder

_INTERFACES = frozenset(["Interface", "ModuleInterface"])
_OF_CLASSES = "__torch__"


class DeclaredTypes:
    """Compares what a pickle holds with what its source declares, as far as classes of the archive go.

    Args:
        classes: Those of the archive.
    """

    def __init__(self, classes: Mapping[str, ScriptClass]) -> None:
        self._classes = classes
        self._shared: dict[int, str] = {}

    def fits(self, value: Any, declared: ast.expr | None) -> bool:
        """Whether a value is of a declared type.

        Args:
            value: As read, with placeholders for objects.
            declared: The type in the source; None where none is declared.
        """
        if declared is None:
            return True
        name = ast.unparse(declared)
        # A list that has two types could be filled under one and read under the other.
        if isinstance(value, list | dict) and self._shared.setdefault(id(value), name) != name:
            return False
        if _OF_CLASSES not in name:
            return True
        if isinstance(declared, ast.Attribute):
            return self._is_of_class(value, name)
        if not isinstance(declared, ast.Subscript) or not isinstance(declared.value, ast.Name):
            return False
        inner = declared.slice.elts if isinstance(declared.slice, ast.Tuple) else [declared.slice]
        return self._holds(value, declared.value.id, inner)

    def _holds(self, value: Any, kind: str, inner: list[ast.expr]) -> bool:
        """Whether a container holds what it declares."""
        if kind in ("Optional", "Union"):
            return value is None or any(self.fits(value, each) for each in inner)
        if kind == "Final":
            return self.fits(value, inner[0])
        if kind == "List":
            return isinstance(value, list) and all(self.fits(item, inner[0]) for item in value)
        if kind == "Dict":
            return isinstance(value, dict) and all(self.fits(item, inner[-1]) for item in value.values())
        return kind == "Tuple" and self._are(value, inner)

    def _are(self, value: Any, types: list[ast.expr]) -> bool:
        return (
            isinstance(value, tuple)
            and len(value) == len(types)
            and all(self.fits(item, each) for item, each in zip(value, types, strict=True))
        )

    def _is_of_class(self, value: Any, name: str) -> bool:
        known = self._classes.get(name)
        if known is not None and "NamedTuple" in known.bases:
            return self._are(value, list(known.types.values()))
        if known is not None and "Enum" in known.bases:
            return not isinstance(value, Placeholder) or value.origin == name
        if not isinstance(value, Placeholder):
            return False
        if known is not None and known.bases & _INTERFACES:
            own = self._classes.get(value.origin)
            return own is not None and known.methods.items() <= own.methods.items()
        return bool(value.origin == name)
