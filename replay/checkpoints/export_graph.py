"""Check the program in a torch.export archive, which torch turns into Python code when it is opened.

``torch.export.load`` evaluates symbolic sizes with ``sympy.sympify``, executes guards as Python, writes placeholder
names into generated source, resolves operator names by walking attributes of the ``torch`` module, and imports the
modules that a pytree names. Each of these is a way to run code from a file that holds no pickle at all. So every such
string must have the plain form that torch writes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any, Final

from replay.checkpoints.export_expressions import expression_reason
from replay.checkpoints.export_specs import plain_name, plain_text, spec_reason
from replay.checkpoints.operators import OPERATORS, allow_by_name, known_operator
from replay.errors import UnsafeCheckpoint


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PATH: Final = re.compile(r"[\w.\-\[\] /:@$+<>*]*\Z")
_OPERATOR: Final = re.compile(r"torch\.ops\.([A-Za-z_]\w*)\.([A-Za-z_]\w*)(?:\.([A-Za-z]\w*))?\Z")
_NOT_FINITE: Final = frozenset(["Infinity", "-Infinity", "NaN"])
"""How torch writes these numbers in JSON."""
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
_OF_PACKETS: Final = frozenset(["overloads", "op", "schema"])
"""What an operator of torch has beside its overloads."""
_HIGHER_ORDER: Final = frozenset(
    ["cond", "while_loop", "map_impl", "scan", "associative_scan", "wrap_with_set_grad_enabled", "wrap_with_autocast"]
)
_TEXT_KEYS: Final = _words("as_string as_strings metadata torch_version verifiers dialect type")
"""What torch keeps as the text that it is, or writes as a literal of Python."""
_MAPPINGS: Final = {
    **dict.fromkeys(
        ("tensor_values", "sym_int_values", "sym_bool_values", "sym_float_values", "custom_obj_values"), "name"
    ),
    "range_constraints": "expr_str",
}
"""Mappings of the program, and under which key their own keys are checked."""


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
    for text in _texts_of_inputs(program):
        if not plain_text(text):
            raise UnsafeCheckpoint(
                f"{place}: the program takes the text {text[:120]!r}, which torch would turn into code of its guards."
                " Nothing was run: expected one without quotes and backslashes"
            )
    if any(_values(program, "custom_obj_values")):
        raise UnsafeCheckpoint(f"{place}: the program holds custom objects, expected tensors only; nothing was run")


def _texts_of_inputs(program: Any) -> Iterator[str]:
    """Texts that the program takes as inputs: torch compares them with what forward() is called with.

    Those that operators take are others: torch writes them as literals, whatever they hold.
    """
    parts = [part for graph in _holders(program, "nodes") for part in (graph.get("inputs"), graph.get("outputs"))]
    parts += [*_values(program, "input_specs"), *_values(program, "output_specs")]
    parts += [part for call in _holders(program, "in_spec") for part in (call.get("inputs"), call.get("outputs"))]
    for part in parts:
        yield from (text for text in _values(part, "as_string") if isinstance(text, str))


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
    """What stands under a key, wherever."""
    return (holder[wanted] for holder in _holders(value, wanted))


def _holders(value: Any, wanted: str) -> Iterator[dict[str, Any]]:
    """Every mapping with a key, wherever."""
    pending = [value]
    while pending:
        current = pending.pop()
        if isinstance(current, list):
            pending.extend(current)
        elif isinstance(current, dict):
            pending.extend(current.values())
            if wanted in current:
                yield current


def _reason(key: str, value: str, allowed: Collection[str]) -> str | None:
    """Why a string may not stand under its key, or None."""
    if key in _TEXT_KEYS or value in _NOT_FINITE:
        return None
    if key in ("name", "as_name", "forward_arg_names", "field_names"):
        return None if not value or plain_name(value) else "expected a plain name"
    if key in ("target", "as_operator"):
        return operator_reason(value, allowed)
    if key in ("expr_str", "guards_code"):
        return expression_reason(value)
    if key in ("in_spec", "out_spec"):
        return spec_reason(value, of_arguments=key == "in_spec")
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
    (True, 'expected an operator under torch.ops (of a program that is still to be lowered: run_decompositions())')
    """
    symbolic = _SYMBOLIC.match(target)
    if symbolic and symbolic[2] in _SYMBOLIC_NAMES[symbolic[1]]:
        return None
    match = _OPERATOR.match(target)
    if match is None:
        return "expected an operator under torch.ops (of a program that is still to be lowered: run_decompositions())"
    if match[1] == "higher_order" and match[2] in _HIGHER_ORDER and match[3] is None:
        return None
    if known_operator(match[1], match[2], allowed) and match[3] not in _OF_PACKETS:
        return None
    name = f"{match[1]}.{match[2]}"
    return f"this is not an operator that replay knows. {allow_by_name(name)}"
