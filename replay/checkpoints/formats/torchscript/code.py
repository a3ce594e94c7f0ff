"""Read TorchScript source without compiling it: what it calls, and the signature of forward()."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from replay.checkpoints.checkpoint import Signature, TensorSpec
from replay.checkpoints.formats.torchscript.declared import declared_names
from replay.checkpoints.formats.torchscript.grammar import Grammar
from replay.checkpoints.formats.torchscript.text import parse_source

_CLASSES: Final = re.compile(r"__torch__\.torch\.classes\.([\w.]+)")


@dataclass(frozen=True)
class ScriptClass:
    """A class of TorchScript.

    Attributes:
        parameters: Names of its parameters.
        forward: Its forward(), or None.
        bases: What it is: ``Module``, ``NamedTuple``, ``Enum``, an interface; empty for a plain class.
        types: Declared types of its attributes by name.
        methods: What each of its methods takes and gives, by name.
        state: Declared type of what sets it up (``__setstate__``), or None where its attributes are set.
    """

    parameters: frozenset[str]
    forward: ast.FunctionDef | None
    bases: frozenset[str] = frozenset()
    types: Mapping[str, ast.expr] = field(default_factory=dict)
    methods: Mapping[str, str] = field(default_factory=dict)
    state: ast.expr | None = None


@dataclass(frozen=True)
class ScriptCode:
    """The code of an archive.

    Attributes:
        classes: By qualified name (``__torch__.my.Model``).
        functions: How many functions and methods there are.
        operators: How often each operator is called in the text.
        custom_classes: C++ classes that a library must register.
    """

    classes: Mapping[str, ScriptClass]
    functions: int
    operators: Counter[str] = field(default_factory=Counter)
    custom_classes: tuple[str, ...] = ()


def read_code(sources: Mapping[str, str], place: str, allowed: Collection[str] = ()) -> ScriptCode:
    """Parse all source files, and hold them against what torch writes.

    Args:
        sources: Text by module (``__torch__.torch.nn.modules.linear``).
        place: The archive, for messages.
        allowed: Operators and C++ classes that the user allows beside those of torch that are known.

    Raises:
        UnsafeCheckpoint: It is not TorchScript as torch writes it, or reaches outside of the model.
    """
    trees = {module: parse_source(text, f"{place}: code of {module}") for module, text in sources.items()}
    grammar = Grammar(declared_names(trees), allowed)
    classes: dict[str, ScriptClass] = {}
    operators: Counter[str] = Counter()
    functions = 0
    for module, tree in trees.items():
        grammar.check(module, tree, f"{place}: code of {module}")
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                classes[f"{module}.{node.name}"] = _script_class(node)
            elif isinstance(node, ast.FunctionDef):
                functions += 1
            elif isinstance(node, ast.Call) and (name := _operator(node.func)):
                operators[name] += 1
    custom = {name for text in sources.values() for name in _CLASSES.findall(text)}
    return ScriptCode(classes, functions, operators, tuple(sorted(custom)))


def _script_class(node: ast.ClassDef) -> ScriptClass:
    parameters: frozenset[str] = frozenset()
    forward = None
    for item in node.body:
        if (
            isinstance(item, ast.Assign)
            and isinstance(item.targets[0], ast.Name)
            and item.targets[0].id == "__parameters__"
        ):
            values = item.value.elts if isinstance(item.value, ast.List) else []
            parameters = frozenset(str(value.value) for value in values if isinstance(value, ast.Constant))
        if isinstance(item, ast.FunctionDef) and item.name == "forward":
            forward = item
    methods = {item.name: item for item in node.body if isinstance(item, ast.FunctionDef)}
    sets_up = methods.get("__setstate__")
    return ScriptClass(
        parameters,
        forward,
        bases=frozenset(ast.unparse(base) for base in node.bases),
        types=dict(_declared_types(node)),
        methods={name: _takes_and_gives(item) for name, item in methods.items()},
        state=sets_up.args.args[-1].annotation if sets_up is not None and sets_up.args.args else None,
    )


def _takes_and_gives(function: ast.FunctionDef) -> str:
    """Types of the arguments after the first, and of the answer."""
    given = [*function.args.args[1:], *function.args.kwonlyargs]
    return f"({', '.join(_annotation(each.annotation) for each in given)}) -> {_annotation(function.returns)}"


def _declared_types(node: ast.ClassDef) -> Iterator[tuple[str, ast.expr]]:
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            yield item.target.id, item.annotation
        if isinstance(item, ast.Assign) and isinstance(item.targets[0], ast.Subscript):
            name = item.targets[0].slice
            yield str(name.value if isinstance(name, ast.Constant) else ""), item.value


def _operator(function: ast.expr) -> str | None:
    name = ast.unparse(function) if isinstance(function, ast.Attribute) else ""
    if name.startswith("torch."):
        return "aten." + name.removeprefix("torch.")
    return name.removeprefix("ops.") if name.startswith("ops.") else None


def script_signature(forward: ast.FunctionDef | None) -> Signature | None:
    """Arguments of forward() by name and type, and how its answer is built; shapes and dtypes are not in the code.

    Args:
        forward: Of the outermost module.
    """
    if forward is None:
        return None
    inputs = tuple(
        TensorSpec(
            argument.arg, None if _annotation(argument.annotation) == "Tensor" else _annotation(argument.annotation)
        )
        for argument in forward.args.args[1:]
    )
    returns = _annotation(forward.returns)
    outputs, structure = _outputs(returns, forward.returns)
    return Signature(inputs, outputs, structure)


def _annotation(node: ast.expr | None) -> str:
    return ast.unparse(node) if node is not None else "Tensor"


def _outputs(returns: str, node: ast.expr | None) -> tuple[tuple[TensorSpec, ...], str]:
    if returns == "Tensor":
        return (TensorSpec(""),), "tensor"
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        kind = node.value.id
        if kind == "Tuple":
            elements = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            return tuple(TensorSpec(str(index)) for index in range(len(elements))), "tuple"
        return (), {"List": "list", "Dict": "dict"}.get(kind, returns)
    return (), returns
