"""What the source of a TorchScript archive declares: classes with their attributes and methods, and functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class ScriptClass:
    """A class of TorchScript.

    Attributes:
        attributes: Names of its attributes and methods.
        parameters: Names of its parameters.
        forward: Its forward(), or None.
        bases: What it is: ``Module``, ``NamedTuple``, ``Enum``, an interface; empty for a plain class.
        types: Declared types of its attributes by name.
        methods: What each of its methods takes and gives, by name.
        state: Declared type of what sets it up (``__setstate__``), or None where its attributes are set.
    """

    attributes: frozenset[str]
    parameters: frozenset[str]
    forward: ast.FunctionDef | None
    bases: frozenset[str]
    types: Mapping[str, ast.expr]
    methods: Mapping[str, str]
    state: ast.expr | None


@dataclass(frozen=True)
class Declared:
    """All that an archive defines.

    Attributes:
        classes: By full name (``__torch__.my.Model``).
        functions: Full names.
    """

    classes: Mapping[str, ScriptClass]
    functions: frozenset[str]

    def defines(self, name: str) -> bool:
        """Whether there is a class or function of a full name."""
        return name in self.classes or name in self.functions

    @cached_property
    def sets_itself_up(self) -> bool:
        """Whether a class has code that runs while the archive is loaded."""
        return "__setstate__" in self.attribute_names

    @cached_property
    def attribute_names(self) -> frozenset[str]:
        """Names of attributes and methods of all classes."""
        return frozenset(name for each in self.classes.values() for name in each.attributes)


def declared(trees: Mapping[str, ast.Module]) -> Declared:
    """Collect what an archive defines.

    Args:
        trees: Parsed source by module (``__torch__.torch.nn.modules.linear``).
    """
    top = [
        (f"{module}.{node.name}", node)
        for module, tree in trees.items()
        for node in tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
    ]
    classes = {name: _script_class(node) for name, node in top if isinstance(node, ast.ClassDef)}
    return Declared(classes, frozenset(name for name, node in top if isinstance(node, ast.FunctionDef)))


def _script_class(node: ast.ClassDef) -> ScriptClass:
    parameters: frozenset[str] = frozenset()
    for item in node.body:
        if isinstance(item, ast.Assign) and ast.unparse(item.targets[0]) == "__parameters__":
            values = item.value.elts if isinstance(item.value, ast.List) else []
            parameters = frozenset(str(value.value) for value in values if isinstance(value, ast.Constant))
    methods = {item.name: item for item in node.body if isinstance(item, ast.FunctionDef)}
    sets_up = methods.get("__setstate__")
    return ScriptClass(
        frozenset(_class_attributes(node)),
        parameters,
        methods.get("forward"),
        bases=frozenset(ast.unparse(base) for base in node.bases),
        types=dict(_declared_types(node)),
        methods={name: _takes_and_gives(item) for name, item in methods.items()},
        state=sets_up.args.args[-1].annotation if sets_up is not None and sets_up.args.args else None,
    )


def _class_attributes(node: ast.ClassDef) -> Iterator[str]:
    for item in node.body:
        if isinstance(item, ast.FunctionDef):
            yield item.name
        target = item.targets[0] if isinstance(item, ast.Assign) else getattr(item, "target", None)
        if isinstance(target, ast.Name):
            yield target.id
        elif isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
            yield str(target.slice.value)


def _takes_and_gives(function: ast.FunctionDef) -> str:
    """Types of the arguments after the first, and of the answer."""
    given = [*function.args.args[1:], *function.args.kwonlyargs]
    return f"({', '.join(annotation(each.annotation) for each in given)}) -> {annotation(function.returns)}"


def _declared_types(node: ast.ClassDef) -> Iterator[tuple[str, ast.expr]]:
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            yield item.target.id, item.annotation
        if isinstance(item, ast.Assign) and isinstance(item.targets[0], ast.Subscript):
            name = item.targets[0].slice
            yield str(name.value if isinstance(name, ast.Constant) else ""), item.value


def annotation(node: ast.expr | None) -> str:
    """A type as text; where none is written, it is a tensor."""
    return ast.unparse(node) if node is not None else "Tensor"
