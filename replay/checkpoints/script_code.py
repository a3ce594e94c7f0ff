"""Look at TorchScript source without compiling it: what it calls, and the signature of forward()."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from replay.checkpoints.checkpoint import Signature, TensorSpec
from replay.errors import UnsafeCheckpoint

_MAX_SOURCE: Final = 1 << 24
_HOSTILE: Final = frozenset(["from_file", "IgnoredPythonOp", "PythonOp", "load_tensor", "LoadLibrary"])
"""Operators that read or map files, or leave the interpreter."""
_HOSTILE_OF_TORCH: Final = frozenset(["save", "load"])
_CLASSES: Final = re.compile(r"__torch__\.torch\.classes\.([\w.]+)")


@dataclass(frozen=True)
class ScriptClass:
    """A class of TorchScript.

    Attributes:
        parameters: Names of its parameters.
        forward: Its forward(), or None.
    """

    parameters: frozenset[str]
    forward: ast.FunctionDef | None


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


def read_code(sources: Mapping[str, str], place: str) -> ScriptCode:
    """Parse all source files.

    Args:
        sources: Text by module (``__torch__.torch.nn.modules.linear``).
        place: The archive, for messages.

    Raises:
        UnsafeCheckpoint: It is not TorchScript as torch writes it, or reaches outside of the model.
    """
    classes: dict[str, ScriptClass] = {}
    operators: Counter[str] = Counter()
    custom: set[str] = set()
    functions = 0
    for module, text in sources.items():
        tree = _parsed(text, f"{place}: code of {module}")
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                classes[f"{module}.{node.name}"] = _script_class(node)
            elif isinstance(node, ast.FunctionDef):
                functions += 1
            elif isinstance(node, ast.Attribute):
                _check_attribute(node, f"{place}: code of {module}")
            elif isinstance(node, ast.Call) and (name := _operator(node.func)):
                operators[name] += 1
        custom.update(_CLASSES.findall(text))
    return ScriptCode(classes, functions, operators, tuple(sorted(custom)))


def _parsed(text: str, place: str) -> ast.Module:
    if len(text) > _MAX_SOURCE:
        raise UnsafeCheckpoint(f"{place} has {len(text):,} characters, at most {_MAX_SOURCE:,} are read")
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnsafeCheckpoint(
            f"{place} is not as torch writes it ({error}); save the model again with torch.jit.save"
        ) from None


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
    return ScriptClass(parameters, forward)


def _check_attribute(node: ast.Attribute, place: str) -> None:
    if node.attr in _HOSTILE or (node.attr in _HOSTILE_OF_TORCH and _chain(node).split(".")[0] in ("torch", "ops")):
        raise UnsafeCheckpoint(
            f"{place}, line {node.lineno}, calls {_chain(node)}, which reaches outside of the model (files, other"
            " languages). Nothing was run; a model for scoring has no need of it"
        )


def _chain(node: ast.expr) -> str:
    """``a.b.c`` of nested attributes; what is no name becomes ``?``."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    parts.append(node.id if isinstance(node, ast.Name) else "?")
    return ".".join(reversed(parts))


def _operator(function: ast.expr) -> str | None:
    name = _chain(function)
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
