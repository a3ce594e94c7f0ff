"""How a torch.export program's arguments and answers are nested, as it says so in text.

torch imports the module of an enum and of a default factory that a spec names, and writes the keys of dicts into the
source of ``forward()`` and of its guards. So a spec must have the form that torch writes, and its texts nothing that
could end a literal.
"""

from __future__ import annotations

import json
import keyword
import re
import unicodedata
from typing import Any, Final

_TYPE: Final = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*\Z")
_FACTORIES: Final = frozenset(["list", "dict", "set", "tuple", "int", "float", "str", "bool"])
_MAX_DEPTH: Final = 64
_FORM: Final = "expected the form of torch's own specs"


def plain_text(text: str) -> bool:
    """Whether a text can stand in any literal of Python as it is.

    >>> plain_text("user id"), plain_text("it's"), plain_text("a" + chr(10))
    (True, False, False)
    """
    return text.isprintable() and not any(char in text for char in "'\"\\")


def plain_name(text: str) -> bool:
    """Whether a text is a name that a variable of Python can have, in letters that Python does not read as others.

    >>> plain_name("user_id"), plain_name("x=f()"), plain_name("lambda")
    (True, False, False)
    """
    return text.isidentifier() and unicodedata.normalize("NFKC", text) == text and not keyword.iskeyword(text)


def spec_reason(text: str, *, of_arguments: bool) -> str | None:
    """Why a spec is refused, or None.

    Args:
        text: As the program has it.
        of_arguments: It is of what forward() takes: arguments by place, and a dict of those by name.
    """
    try:
        spec = json.loads(text)
    except (ValueError, RecursionError):
        return _FORM
    if not isinstance(spec, list) or len(spec) != 2 or type(spec[0]) is not int:
        return _FORM
    return _node_reason(spec[1], 0) or (_arguments_reason(spec[1]) if of_arguments else None)


def _node_reason(node: Any, depth: int) -> str | None:
    if not isinstance(node, dict) or node.keys() != {"type", "context", "children_spec"} or depth > _MAX_DEPTH:
        return _FORM
    kind, children = node["type"], node["children_spec"]
    if not isinstance(children, list) or not (kind is None or (isinstance(kind, str) and _TYPE.match(kind))):
        return _FORM
    reasons = (_node_reason(child, depth + 1) for child in children)
    return _context_reason(node["context"], 0) or next((reason for reason in reasons if reason), None)


def _context_reason(value: Any, depth: int) -> str | None:
    """A context is JSON, or JSON in a text; torch reads that text as ``json.loads`` does."""
    if depth > _MAX_DEPTH:
        return _FORM
    if isinstance(value, str):
        try:
            return _context_reason(json.loads(value), depth + 1)
        except (ValueError, RecursionError):
            return None if plain_text(value) else "expected keys without quotes"
    if isinstance(value, dict):
        return _mapping_reason(value, depth)
    if isinstance(value, list):
        return next((reason for item in value if (reason := _context_reason(item, depth + 1))), None)
    return None


def _mapping_reason(value: dict[str, Any], depth: int) -> str | None:
    factory = (value.get("default_factory_module", "builtins"), value.get("default_factory_name", "list"))
    if "__enum__" in value or factory[0] != "builtins" or factory[1] not in _FACTORIES:
        return "it would import a module"
    reasons = (_context_reason(item, depth + 1) for item in (*value, *value.values()))
    return next((reason for reason in reasons if reason), None)


def _arguments_reason(node: dict[str, Any]) -> str | None:
    """Names of arguments become parameters of the source that torch writes."""
    children = node["children_spec"]
    if len(children) != 2 or children[1]["type"] != "builtins.dict" or not isinstance(children[1]["context"], str):
        return "expected arguments by place, and a dict of those by name"
    names = json.loads(children[1]["context"])
    if not isinstance(names, list) or not all(isinstance(name, str) and plain_name(name) for name in names):
        return "expected plain names of arguments"
    return None
