"""Symbolic sizes and guards of a torch.export program: arithmetic, in the words that torch writes it with.

torch evaluates both as Python: sizes with ``sympy.sympify``, guards with ``exec``. So each name, call, keyword and text
stands where torch writes one, and nowhere else.
"""

from __future__ import annotations

import ast
import re
from typing import Final

from replay.checkpoints.safety.words import words

_MAX_EXPRESSION: Final = 100_000
_SYMBOL: Final = re.compile(r"[a-z]{1,4}\d+\Z")
_NUMBER: Final = re.compile(r"-?\d+(\.\d*)?(e[+-]?\d+)?\Z")
_KEY: Final = re.compile(r"[\w.\-\[\] /:@$+<>*,!?%&=|~^]*\Z")
_NUMBERS: Final = frozenset(["inf", "nan", "oo", "zoo", "int_oo"])
_CALLS: Final = words(
    """
    Integer Rational Add Mul Pow Max Min Mod Abs And Or Not Eq Ne Equality Unequality Ge Gt Le Lt
    GreaterThan StrictGreaterThan LessThan StrictLessThan floor ceiling Piecewise ExprCondPair FloorDiv
    ModularIndexing Where PythonMod CleanDiv CeilToInt FloorToInt CeilDiv LShift RShift PowByNatural FloatPow
    FloatTrueDiv IntTrueDiv IsNonOverlappingAndDenseIndicator TruncToFloat TruncToInt RoundToInt RoundDecimal
    ToFloat Identity cast_symbool_to_symint_guardless abs max min int float round sqrt exp log
    """
)
_ASSUMPTIONS: Final = frozenset(
    ["integer", "positive", "nonnegative", "negative", "nonpositive", "nonzero", "real", "finite", "even", "odd"]
)
_METHODS: Final = frozenset(["size", "stride", "storage_offset", "dim", "numel", "item"])
SYMBOLIC_NAMES: Final = {
    "_operator": words(
        "eq ne le ge lt gt neg pos mul add sub floordiv truediv mod pow and_ or_ not_ getitem lshift rshift xor"
    ),
    "math": frozenset(["trunc", "floor", "ceil", "sqrt", "exp", "log"]),
    "torch": frozenset(
        ["sym_not", "sym_int", "sym_float", "sym_ite", "sym_max", "sym_min", "sym_sqrt", "sym_sum", "_sym_sqrt"]
    ),
}
"""Functions of Python and torch over sizes, by module."""
_OF_MODULES: Final = {
    "math": SYMBOLIC_NAMES["math"] | {"isnan", "isinf", "inf", "nan"},
    "torch": SYMBOLIC_NAMES["torch"],
}
_COMPOSED: Final = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Tuple,
)  # fmt: skip
"""Expressions that are as good as their parts."""


def expression_reason(text: str) -> str | None:
    """Why a symbolic expression or guard is refused, or None.

    >>> expression_reason("L['x'].size()[0] >= 2*Symbol('s0', positive=True)") is None
    True
    >>> expression_reason("__import__('os').system('id')")
    'expected arithmetic over sizes'
    """
    if len(text) > _MAX_EXPRESSION or not text.isprintable() or any(char in text for char in '#;\\"'):
        return "expected one short line"
    try:
        tree = ast.parse(text, mode="eval")
        return None if _plain(tree.body) else "expected arithmetic over sizes"
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "expected an expression"


def _plain(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int | float)
    if isinstance(node, ast.Name):
        return node.id in _NUMBERS or _SYMBOL.match(node.id) is not None
    if isinstance(node, ast.Attribute):
        return _of_module(node)
    if isinstance(node, ast.Subscript):
        return _is_input(node) or (_plain(node.value) and _plain(node.slice))
    if isinstance(node, ast.Call):
        return _call(node)
    return isinstance(node, _COMPOSED) and all(
        _plain(child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)
    )


def _of_module(node: ast.Attribute) -> bool:
    module = node.value.id if isinstance(node.value, ast.Name) else ""
    return node.attr in _OF_MODULES.get(module, ())


def _is_input(node: ast.AST) -> bool:
    """``L['x']``, ``L['batch']['user-id'][0]``: an input of the program, under keys that no quote can end."""
    while isinstance(node, ast.Subscript):
        key = node.slice
        known = isinstance(key, ast.Constant) and (
            isinstance(key.value, int) or (isinstance(key.value, str) and _KEY.match(key.value) is not None)
        )
        if not known:
            return False
        node = node.value
    return isinstance(node, ast.Name) and node.id == "L"


def _call(node: ast.Call) -> bool:
    function = node.func
    if isinstance(function, ast.Name) and function.id == "Symbol":
        return _symbol(node)
    if isinstance(function, ast.Name) and function.id == "Float":
        return _float(node)
    if node.keywords or not all(_plain(argument) for argument in node.args):
        return False
    if isinstance(function, ast.Name):
        return function.id in _CALLS
    if not isinstance(function, ast.Attribute):
        return False
    return _of_module(function) or (function.attr in _METHODS and _is_input(function.value))


def _symbol(node: ast.Call) -> bool:
    """``Symbol('s0', positive=True, integer=True)``."""
    named = len(node.args) == 1 and isinstance(node.args[0], ast.Constant)
    name = node.args[0].value if named and isinstance(node.args[0], ast.Constant) else None
    assumed = all(
        each.arg in _ASSUMPTIONS and isinstance(each.value, ast.Constant) and isinstance(each.value.value, bool)
        for each in node.keywords
    )
    return isinstance(name, str) and _SYMBOL.match(name) is not None and assumed


def _float(node: ast.Call) -> bool:
    """``Float('1.7', precision=53)``."""
    values = [argument.value if isinstance(argument, ast.Constant) else None for argument in node.args]
    numbers = all(
        isinstance(value, int | float) or (isinstance(value, str) and _NUMBER.match(value)) for value in values
    )
    return bool(numbers) and all(
        each.arg in ("precision", "dps") and isinstance(each.value, ast.Constant) and isinstance(each.value.value, int)
        for each in node.keywords
    )
