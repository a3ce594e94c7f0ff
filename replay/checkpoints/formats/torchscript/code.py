"""Read TorchScript source without compiling it: what it calls, and the signature of forward()."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from replay.checkpoints.checkpoint import Signature, TensorSpec
from replay.checkpoints.formats.torchscript.declared import ScriptClass, annotation, declared
from replay.checkpoints.formats.torchscript.grammar import Grammar
from replay.errors import UnsafeCheckpoint

_MAX_SOURCE: Final = 1 << 24
_STRING: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_PLAIN: Final = re.compile(r'[A-Za-z0-9_ \n.,:()\[\]{}=<>+\-*/%|&~^"]*\Z')
_GLUED: Final = re.compile(r'\w""|"{3}')
_CLASSES: Final = re.compile(r"__torch__\.torch\.classes\.([\w.]+)")


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
    try:
        trees = {module: parse_source(text, f"{place}: code of {module}") for module, text in sources.items()}
        known = declared(trees)
        grammar = Grammar(known, allowed)
        for module, tree in trees.items():
            grammar.check(module, tree, f"{place}: code of {module}")
        nodes = [node for tree in trees.values() for node in ast.walk(tree)]
        operators = Counter(name for node in nodes if isinstance(node, ast.Call) and (name := _operator(node.func)))
        functions = sum(isinstance(node, ast.FunctionDef) for node in nodes)
    except RecursionError:
        raise UnsafeCheckpoint(f"{place}: its code is nested too deep to be read; save the model again") from None
    custom = {name for text in sources.values() for name in _CLASSES.findall(text)}
    return ScriptCode(known.classes, functions, operators, tuple(sorted(custom)))


def parse_source(text: str, place: str) -> ast.Module:
    """Parse one source file with Python's parser, which reads what torch writes as torch's own does.

    Args:
        text: Of the file.
        place: Its name, for messages.

    Raises:
        UnsafeCheckpoint: It is too long, no TorchScript, or could be read in two ways.
    """
    if len(text) > _MAX_SOURCE:
        raise UnsafeCheckpoint(f"{place} has {len(text):,} characters, at most {_MAX_SOURCE:,} are read")
    check_text(text, place)
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnsafeCheckpoint(
            f"{place} is not as torch writes it ({error}); save the model again with torch.jit.save"
        ) from None


def check_text(text: str, place: str) -> None:
    """Refuse text that torch's lexer could read in another way than Python's.

    Args:
        text: Of one source file.
        place: The file, for the message.

    Raises:
        UnsafeCheckpoint: It has comments, continued lines, other quotes, or characters that torch escapes.
    """
    bare = _STRING.sub('""', text)
    fine = _PLAIN.match(bare) and not _GLUED.search(bare) and '"' not in bare.replace('""', "") and text.isascii()
    if not fine:
        raise UnsafeCheckpoint(
            f"{place} is not as torch writes it (comments, other quotes or other characters); save the model again with"
            " torch.jit.save"
        )


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
            argument.arg, None if annotation(argument.annotation) == "Tensor" else annotation(argument.annotation)
        )
        for argument in forward.args.args[1:]
    )
    returns = annotation(forward.returns)
    outputs, structure = _outputs(returns, forward.returns)
    return Signature(inputs, outputs, structure)


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
