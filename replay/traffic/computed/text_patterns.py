"""Searching in text on Arrow arrays: ``LIKE`` with a pattern that is written down, and its simpler relatives."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from replay.spark.analysis import ExpressionNode
from replay.traffic.computed.kernel import Datum, Kernel, operands

_ESCAPE: Final = "\\"
# A pattern of text alone, or with `%` at its ends; no escapes.
_AT_ENDS: Final = re.compile(r"(%?)([^%_\\]*)(%?)")
_WELL_ESCAPED: Final = re.compile(r"(?:[^\\]|\\[%_\\])*", re.S)


def _text_beside(node: ExpressionNode) -> bool:
    """Whether text is searched for a text that is written down."""
    texts = len(node.children) == 2 and operands(node) == {"string"}
    return texts and node.children[1].kind == "Literal" and node.children[1].value is not None


def _like_proven(node: ExpressionNode) -> bool:
    return (
        _text_beside(node)
        and node.value == _ESCAPE
        and _WELL_ESCAPED.fullmatch(node.children[1].value or "") is not None
    )


def _like(node: ExpressionNode, values: Sequence[Datum]) -> Datum:
    pattern = node.children[1].value or ""
    simple = _AT_ENDS.fullmatch(pattern)
    if simple is None:
        return pc.match_substring_regex(values[0], pattern=_regex(pattern))
    before, text, after = simple.groups()
    if before and after:
        return pc.match_substring(values[0], pattern=text)
    if before:
        return pc.ends_with(values[0], pattern=text)
    return pc.starts_with(values[0], pattern=text) if after else pc.equal(values[0], pa.scalar(text))


def _regex(pattern: str) -> str:
    r"""A ``LIKE`` pattern for RE2, over the whole text, line ends among it.

    >>> _regex("a_c%")
    '(?s)\\Aa.c.*\\z'
    """
    parts = re.findall(r"\\.|.", pattern, re.S)
    own = {"%": ".*", "_": "."}
    return r"(?s)\A" + "".join(own.get(part) or _quoted(part[-1]) for part in parts) + r"\z"


def _quoted(character: str) -> str:
    plain = character.isalnum() or not character.isascii() or character in "\0\n"
    return character if plain else f"\\x{ord(character):02x}"


def _search(function: Callable[..., Any]) -> Kernel:
    return Kernel(lambda node, values: function(values[0], pattern=node.children[1].value), _text_beside)


KERNELS: Final[Mapping[str, Kernel]] = {
    "Like": Kernel(_like, _like_proven),
    "StartsWith": _search(pc.starts_with),
    "EndsWith": _search(pc.ends_with),
    "Contains": _search(pc.match_substring),
}
"""By Catalyst's class."""
