"""Check the program in a torch.export archive, which torch turns into Python code when it is opened.

``torch.export.load`` evaluates symbolic sizes with ``sympy.sympify``, executes guards as Python, writes placeholder
names into generated source, resolves operator names by walking attributes of the ``torch`` module, and imports the
modules that a pytree names. Each of these is a way to run code from a file that holds no pickle at all. So every such
string must have the plain form that torch writes.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from types import ModuleType
from typing import Any, Final

import torch

from replay.checkpoints.formats.torch_export.expressions import SYMBOLIC_NAMES, expression_reason
from replay.checkpoints.formats.torch_export.schema import SchemaError, texts
from replay.checkpoints.formats.torch_export.specs import plain_name, plain_text, spec_reason
from replay.checkpoints.safety.operators import OPERATORS, allow_by_name, known_operator
from replay.errors import UnsafeCheckpoint

_OPERATOR: Final = re.compile(r"torch\.ops\.([A-Za-z_]\w*)\.([A-Za-z_]\w*)(?:\.([A-Za-z]\w*))?\Z")
_SYMBOLIC: Final = re.compile(r"(_operator|math|torch)\.([A-Za-z_]\w*)\Z")
_OF_PACKETS: Final = frozenset(["overloads", "op", "schema"])
"""What an operator of torch has beside its overloads."""
HIGHER_ORDER: Final = {
    "cond": (1, 2),
    "while_loop": (0, 1),
    "map_impl": (0,),
    "scan": (0,),
    "associative_scan": (0,),
    "wrap_with_set_grad_enabled": (1,),
    "wrap_with_autocast": (4,),
}
"""Operators that call subgraphs of the program, and which of their arguments these are."""


def check_program(program: Any, place: str, allowed: Collection[str] = ()) -> None:
    """Refuse a program with any string that torch would turn into code of the file's own.

    Args:
        program: The JSON of ``models/*.json``.
        place: The file, for messages.
        allowed: Operators that the user allows beside those of torch that are known.

    Raises:
        UnsafeCheckpoint: Some string is not of the form that torch writes.
    """
    paths: set[str] = set()
    try:
        for owner, field, text in texts(program):
            paths.update({text} if field in _PATHS else ())
            reason = _reason(owner, field, text, allowed)
            if reason is not None:
                raise UnsafeCheckpoint(
                    f"{place}: the program has {owner}.{field} {text[:120]!r}, which torch would turn into code."
                    f" Nothing was run: {reason}"
                )
    except (SchemaError, RecursionError) as error:
        raise UnsafeCheckpoint(
            f"{place}: the program is not as torch writes it ({error}). Nothing was run; export the model again with"
            f" torch {torch.__version__}, or use the torch that wrote it"
        ) from None
    for path in paths:
        parts = path.split(".")
        if any(".".join(parts[:length]) in paths for length in range(1, len(parts))):
            raise UnsafeCheckpoint(
                f"{place}: the program fetches {path[:120]!r} from another tensor of its own. Nothing was run: export"
                " the model again"
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
    own = {*OPERATORS, *SYMBOLIC_NAMES, "higher_order"}
    return sorted(name for name in operators(program) if name.split(".")[0] not in own)


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


def _reason(owner: str, field: str, text: str, allowed: Collection[str]) -> str | None:
    """Why a text may not stand in a field of torch's schema, or None."""
    check = _CHECKS.get(f"{owner}.{field}") or _CHECKS.get(field)
    return "torch.export writes no text there" if check is None else check(text, allowed)


def _plain_name(text: str, _: Collection[str]) -> str | None:
    """Of a variable in the source that torch writes, which has an object of its own under the name ``self``."""
    return None if not text or (plain_name(text) and text != "self") else "expected a plain name"


def _argument_name(text: str, _: Collection[str]) -> str | None:
    """Of an operator's argument: many have one called ``self``."""
    return None if not text or plain_name(text) else "expected a plain name"


def _graph_name(text: str, allowed: Collection[str]) -> str | None:
    """Of a subgraph, which becomes an attribute of the module that torch makes."""
    if text.startswith("__") or hasattr(torch.fx.GraphModule, text):
        return "expected a name that a module does not have"
    return _plain_name(text, allowed)


def path_reason(text: str, _: Collection[str] = ()) -> str | None:
    """Why the dotted name of a parameter, a buffer or a constant is refused, or None.

    torch writes it into source, where Python reads other letters for the same (NFKC), and fetches each part from what
    the part before gave.

    >>> path_reason("towers.user-tower.0.weight") is None, path_reason("__class__.to_folder")
    (True, 'expected a path of plain names')
    """
    parts = text.split(".")
    fine = all(
        part and plain_text(part) and not part.startswith("__") and unicodedata.normalize("NFKC", part) == part
        for part in parts
    )
    return None if fine else "expected a path of plain names"


def _any_text(text: str, _: Collection[str]) -> str | None:
    """What torch keeps as it is, or writes as a literal of Python."""
    return None


def _functions_reason(text: str, allowed: Collection[str]) -> str | None:
    """Names of functions and modules, which torch looks up while it reads a program, attribute by attribute."""
    for item in text.split(";"):
        target = item.partition(",")[2]
        fine = operator_reason(target, allowed) is None or _is_of_torch(target.split("."))
        if not fine and target.startswith(("torch", "_operator", "math", "#")):
            return "expected names of torch's own"
    return None


def _is_of_torch(parts: list[str]) -> bool:
    """Whether a name is found in modules of torch that are loaded already: nothing is asked for its attributes."""
    found: Any = sys.modules.get(parts[0]) if parts[0] == "torch" else None
    for number, part in enumerate(parts[1:], start=2):
        found = vars(found).get(part) if isinstance(found, ModuleType) else None
        if isinstance(found, ModuleType) and found.__name__ != ".".join(parts[:number]):
            return False
        if found is None or (number < len(parts) and not isinstance(found, ModuleType)):
            return False
    return found is not None


def _inert_text(text: str, _: Collection[str]) -> str | None:
    return None if plain_text(text) else "expected text without quotes and backslashes"


_PATHS: Final = ("parameter_name", "buffer_name", "tensor_constant_name", "custom_obj_name")
_METADATA: Final = ("stack_trace", "nn_module_stack", "torch_fn", "custom", "from_node")
_CHECKS: Final[dict[str, Callable[[str, Collection[str]], str | None]]] = {
    "as_name": _plain_name,
    "name": _plain_name,
    "NamedArgument.name": _argument_name,
    "GraphArgument.name": _graph_name,
    "forward_arg_names": _plain_name,
    "field_names": _argument_name,
    **dict.fromkeys(
        [f"{kind}_values[]" for kind in ("tensor", "sym_int", "sym_bool", "sym_float", "custom_obj")], _plain_name
    ),
    "target": lambda text, allowed: operator_reason(text, allowed),
    "as_operator": lambda text, allowed: operator_reason(text, allowed),
    "expr_str": lambda text, _: expression_reason(text),
    "guards_code": lambda text, _: expression_reason(text),
    "range_constraints[]": lambda text, _: expression_reason(text),
    "in_spec": lambda text, _: spec_reason(text, of_arguments=True),
    "out_spec": lambda text, _: spec_reason(text, of_arguments=False),
    **dict.fromkeys(_PATHS, path_reason),
    "user_input_name": _plain_name,
    "class_fqn": lambda text, _: "custom objects are not opened",
    **dict.fromkeys(("as_string", "as_strings", "metadata[]"), _any_text),
    **dict.fromkeys([f"metadata.{key}" for key in _METADATA], _any_text),
    "metadata.source_fn_stack": _functions_reason,
    **dict.fromkeys(
        [
            *("fqn", "torch_version", "verifiers", "opset_version[]", "treespec_namedtuple_fields[]"),
            *("as_string_to_argument[]", "Device.type"),
        ],
        _inert_text,
    ),
}
"""By field of torch's schema, with its class where other classes have one of that name; ``[]`` is a mapping's key."""


def operator_reason(target: str, allowed: Collection[str] = ()) -> str | None:
    """Why an operator is refused, or None.

    Args:
        target: As the program has it.
        allowed: Operators that the user allows beside those of torch that are known: ``namespace.name``.

    >>> operator_reason("torch.ops.aten.linear.default") is None, operator_reason("torch.load")
    (True, 'expected an operator under torch.ops (of a program that is still to be lowered: run_decompositions())')
    """
    symbolic = _SYMBOLIC.match(target)
    if symbolic and symbolic[2] in SYMBOLIC_NAMES[symbolic[1]]:
        return None
    match = _OPERATOR.match(target)
    if match is None:
        return "expected an operator under torch.ops (of a program that is still to be lowered: run_decompositions())"
    if match[1] == "higher_order" and match[2] in HIGHER_ORDER and match[3] is None:
        return None
    if known_operator(match[1], match[2], allowed) and match[3] not in _OF_PACKETS:
        return None
    name = f"{match[1]}.{match[2]}"
    return f"this is not an operator that replay knows. {allow_by_name(name)}"
