"""Check the program in a torch.export archive, which torch turns into Python code when it is opened.

``torch.export.load`` evaluates symbolic sizes with ``sympy.sympify``, executes guards as Python, writes placeholder
names into generated source, resolves operator names by walking attributes of the ``torch`` module, and imports the
modules that a pytree names. Each of these is a way to run code from a file that holds no pickle at all. So every such
string must have the plain form that torch writes.
"""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any, Final

from replay.checkpoints.operators import OPERATORS, allow_by_name, known_operator
from replay.errors import UnsafeCheckpoint


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NAME: Final = re.compile(r"[A-Za-z_]\w*\Z")
_PATH: Final = re.compile(r"[\w.\-\[\] /:@$+<>*]*\Z")
_OPERATOR: Final = re.compile(r"torch\.ops\.([A-Za-z_]\w*)\.([A-Za-z_]\w*)(\.[A-Za-z_]\w*)?\Z")
_SYMBOLIC: Final = re.compile(r"(_operator|math|torch)\.([A-Za-z_]\w*)\Z")
_SYMBOLIC_NAMES: Final = {
    "_operator": _words(
        "eq ne le ge lt gt neg pos mul add sub floordiv truediv mod pow and_ or_ not_ getitem lshift rshift xor"
    ),
    "math": frozenset(["trunc", "floor", "ceil", "sqrt", "exp", "log"]),
    "torch": frozenset(
        ["sym_not", "sym_int", "sym_float", "sym_ite", "sym_max", "sym_min", "sym_sqrt", "sym_sum", "_sym_sqrt"]
    ),
}
_HIGHER_ORDER: Final = frozenset(
    ["cond", "while_loop", "map_impl", "scan", "associative_scan", "wrap_with_set_grad_enabled", "wrap_with_autocast"]
)
_TEXT_KEYS: Final = _words("as_string as_strings metadata torch_version verifiers dialect type")
"""What torch keeps as the text that it is."""
_MAPPINGS: Final = {
    **dict.fromkeys(
        ("tensor_values", "sym_int_values", "sym_bool_values", "sym_float_values", "custom_obj_values"), "name"
    ),
    "range_constraints": "expr_str",
}
"""Mappings of the program, and under which key their own keys are checked."""
_SYMPY_CALLS: Final = _words(
    """
    Symbol Integer Rational Float Add Mul Pow Max Min Mod Abs And Or Not Eq Ne Equality Unequality Ge Gt Le Lt
    GreaterThan StrictGreaterThan LessThan StrictLessThan floor ceiling Piecewise ExprCondPair FloorDiv
    ModularIndexing Where PythonMod CleanDiv CeilToInt FloorToInt CeilDiv LShift RShift PowByNatural FloatPow
    FloatTrueDiv IntTrueDiv IsNonOverlappingAndDenseIndicator TruncToFloat TruncToInt RoundToInt RoundDecimal
    ToFloat Identity cast_symbool_to_symint_guardless abs max min int float round sqrt exp log
    """
)
_GUARD_METHODS: Final = frozenset(["size", "stride", "storage_offset", "dim", "numel", "item"])
_MAX_EXPRESSION: Final = 100_000


def check_program(program: Any, place: str, allowed: Collection[str] = ()) -> None:
    """Refuse a program with any string that torch would turn into code of the file's own.

    Args:
        program: The JSON of ``models/*.json``.
        place: The file, for messages.
        allowed: Operators that the user allows beside those of torch that are known.

    Raises:
        UnsafeCheckpoint: Some string is not of the form that torch writes.
    """
    for key, value in _strings(program):
        reason = _reason(key, value, allowed)
        if reason is not None:
            raise UnsafeCheckpoint(
                f"{place}: the program has {key} {value[:120]!r}, which torch would turn into code. Nothing was run:"
                f" {reason}"
            )
    if any(_values(program, "custom_obj_values")):
        raise UnsafeCheckpoint(f"{place}: the program holds custom objects, expected tensors only; nothing was run")


def operators(program: Any) -> Counter[str]:
    """How often each operator is called, by its name without ``torch.ops.`` and overload."""
    counts: Counter[str] = Counter()
    for target in _values(program, "target"):
        if isinstance(target, str):
            match = _OPERATOR.match(target)
            counts[f"{match[1]}.{match[2]}" if match else target] += 1
    return counts


def foreign_operators(program: Any) -> list[str]:
    """Operators that torch itself does not have, and that some library must register."""
    own = {*OPERATORS, *_SYMBOLIC_NAMES, "higher_order"}
    return sorted(name for name in operators(program) if name.split(".")[0] not in own)


def _strings(value: Any, key: str = "program") -> Iterator[tuple[str, str]]:
    """Every string of the program with the key that it stands under; keys that name things, too."""
    pending = [(key, value)]
    while pending:
        key, value = pending.pop()
        if isinstance(value, str):
            yield key, value
        elif isinstance(value, list):
            pending.extend((key, item) for item in value)
        elif isinstance(value, dict) and key == "metadata":
            pending.extend((key, item) for item in value.values())
        elif isinstance(value, dict):
            if key in _MAPPINGS:
                pending.extend((_MAPPINGS[key], name) for name in value)
            pending.extend(value.items())


def _values(value: Any, wanted: str) -> Iterator[Any]:
    pending = [value]
    while pending:
        current = pending.pop()
        if isinstance(current, list):
            pending.extend(current)
        elif isinstance(current, dict):
            pending.extend(current.values())
            if wanted in current:
                yield current[wanted]


def _reason(key: str, value: str, allowed: Collection[str]) -> str | None:
    """Why a string may not stand under its key, or None."""
    if key in _TEXT_KEYS:
        return None
    if key in ("name", "as_name", "forward_arg_names", "field_names"):
        return None if not value or _NAME.match(value) else "expected a plain name"
    if key in ("target", "as_operator"):
        return operator_reason(value, allowed)
    if key in ("expr_str", "guards_code"):
        return expression_reason(value)
    if key in ("in_spec", "out_spec"):
        return _spec_reason(value)
    if key in ("parameter_name", "buffer_name", "tensor_constant_name", "user_input_name", "custom_obj_name", "fqn"):
        return None if _PATH.match(value) else "expected a path of plain names"
    if key == "class_fqn":
        return "custom objects are not opened"
    return "torch.export writes no text there"


def operator_reason(target: str, allowed: Collection[str] = ()) -> str | None:
    """Why an operator is refused, or None.

    Args:
        target: As the program has it.
        allowed: Operators that the user allows beside those of torch that are known: ``namespace.name``.

    >>> operator_reason("torch.ops.aten.linear.default") is None, operator_reason("torch.load")
    (True, 'expected an operator under torch.ops')
    """
    symbolic = _SYMBOLIC.match(target)
    if symbolic and symbolic[2] in _SYMBOLIC_NAMES[symbolic[1]]:
        return None
    match = _OPERATOR.match(target)
    if match is None:
        return "expected an operator under torch.ops"
    if known_operator(match[1], match[2], allowed) or (match[1] == "higher_order" and match[2] in _HIGHER_ORDER):
        return None
    name = f"{match[1]}.{match[2]}"
    return f"this is not an operator that replay knows. {allow_by_name(name)}"


def expression_reason(text: str) -> str | None:
    """Why a symbolic expression or guard is refused, or None.

    >>> expression_reason("L['x'].size()[0] >= 2*Symbol('s0', positive=True)") is None
    True
    >>> expression_reason("__import__('os').system('id')")
    'expected arithmetic over sizes'
    """
    if len(text) > _MAX_EXPRESSION or any(char in text for char in '\n\r#;\\"'):
        return "expected one short line"
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "expected an expression"
    return None if all(_plain(node) for node in ast.walk(tree)) else "expected arithmetic over sizes"


_PLAIN_NODES: Final = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Tuple, ast.Load,
    ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.Subscript, ast.keyword,
)  # fmt: skip


def _plain(node: ast.AST) -> bool:
    if isinstance(node, ast.Name):
        return not node.id.startswith("__")
    if isinstance(node, ast.Constant):
        text = isinstance(node.value, str)
        return (not text and not isinstance(node.value, bytes)) or bool(text and _PATH.match(str(node.value)))
    if isinstance(node, ast.Attribute):
        base = node.value.id if isinstance(node.value, ast.Name) else None
        return node.attr in _GUARD_METHODS or (base in ("math", "torch") and node.attr in _symbolic_attributes(base))
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Attribute) or (
            isinstance(node.func, ast.Name) and node.func.id in _SYMPY_CALLS
        )
    return isinstance(node, _PLAIN_NODES)


def _symbolic_attributes(module: str) -> frozenset[str]:
    return _SYMBOLIC_NAMES[module] | {"isnan", "inf", "nan", "isinf"} if module == "math" else _SYMBOLIC_NAMES[module]


def _spec_reason(text: str) -> str | None:
    """A pytree's JSON, with JSON in its strings: torch imports the module of an enum or of a default factory."""
    pending: list[tuple[Any, int]] = [(text, 0)]
    while pending:
        value, depth = pending.pop()
        if depth > 64:
            return "it is nested without end"
        if isinstance(value, str) and value[:1] in '[{"' and value:
            try:
                pending.append((json.loads(value), depth + 1))
            except (ValueError, RecursionError):
                continue
        elif isinstance(value, list):
            pending.extend((item, depth + 1) for item in value)
        elif isinstance(value, dict):
            if "__enum__" in value or value.get("default_factory_module", "builtins") != "builtins":
                return "it would import a module"
            pending.extend((item, depth + 1) for item in value.values())
    return None
