"""What the source of a TorchScript archive defines, by name."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Declared:
    """What the classes and functions of an archive are called, and their attributes.

    Attributes:
        globals: Full names of classes and functions (``__torch__.my.Model``).
        attributes: Names of attributes and methods by the full name of their class.
    """

    globals: frozenset[str]
    attributes: Mapping[str, frozenset[str]]

    @property
    def sets_itself_up(self) -> bool:
        """Whether a class has code that runs while the archive is loaded."""
        return any("__setstate__" in names for names in self.attributes.values())

    @property
    def attribute_names(self) -> frozenset[str]:
        """Those of all classes."""
        return frozenset(name for names in self.attributes.values() for name in names)


def declared_names(trees: Mapping[str, ast.Module]) -> Declared:
    """Collect what an archive defines.

    Args:
        trees: Parsed source by module (``__torch__.torch.nn.modules.linear``).
    """
    names: set[str] = set()
    attributes: dict[str, frozenset[str]] = {}
    for module, tree in trees.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                names.add(f"{module}.{node.name}")
            if isinstance(node, ast.ClassDef):
                attributes[f"{module}.{node.name}"] = frozenset(_class_attributes(node))
    return Declared(frozenset(names), attributes)


def _class_attributes(node: ast.ClassDef) -> Iterator[str]:
    for item in node.body:
        if isinstance(item, ast.FunctionDef):
            yield item.name
        target = item.targets[0] if isinstance(item, ast.Assign) else getattr(item, "target", None)
        if isinstance(target, ast.Name):
            yield target.id
        elif isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
            yield str(target.slice.value)
