"""YAML nodes to plain data. Nothing is ever constructed but text, numbers, true, false, null, lists and mappings."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import yaml

from replay.config.messages.finding import Finding, KeyPath
from replay.config.yaml.places import TextPlace, TextSpan, excerpt_at, split_lines

MAX_VALUES = 100_000
MAX_DEPTH = 100
_MOST_LINES = 5

_TAG = "tag:yaml.org,2002:"
_MERGE = _TAG + "merge"
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9_]*)|0o[0-7]+|0x[0-9a-fA-F]+")
# Digits alone are an integer, or text where they start with 0: a zip code is no number.
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_NULL = re.compile(r"~|null|Null|NULL|")
_NEVER_TEXT = re.compile("[\ud800-\udfff]")
_OLD_BOOL = re.compile(r"yes|no|on|off", re.IGNORECASE)


class PlainLoader(yaml.SafeLoader):
    """Resolves plain scalars by the core schema of YAML 1.2, as editors and JSON do.

    PyYAML's own rules are those of YAML 1.1, where ``no`` and ``on`` are booleans, ``1e-6`` is text, ``12:30`` is 750,
    ``010`` is 8, and dates are objects.
    """

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012, declared so by PyYAML

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._num_nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose a node and what is below it, within the bounds of a config.

        Raises:
            TooLargeError: There is more than a config can hold, or it is deeper.
        """
        self._num_nodes += 1
        line = int(self.line) + 1
        if self._num_nodes > 2 * MAX_VALUES:  # a key is a node as well
            raise TooLargeError(_TOO_MANY.format(MAX_VALUES), line)
        if self._depth >= MAX_DEPTH:
            raise TooLargeError(_TOO_DEEP.format(MAX_DEPTH), line)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


for _kind, _pattern, _first in (
    ("merge", re.compile(r"<<"), "<"),
    ("int", _INT, "-+0123456789"),
    ("float", _FLOAT, "-+.0123456789"),
    ("bool", _BOOL, "tTfF"),
    ("null", _NULL, ["~", "n", "N", ""]),
):
    PlainLoader.add_implicit_resolver(_TAG + _kind, re.compile(rf"(?:{_pattern.pattern})\Z"), list(_first))


_TOO_DEEP = "nested too deeply to be a config: more than {} levels"
_TOO_MANY = "more than {:,} values, or aliases that multiply to as many"


class TooLargeError(ValueError):
    """More values than a config can have, aliases that multiply to as many, or nested deeper.

    Attributes:
        line: Where the count ran over.
    """

    def __init__(self, message: str, line: int) -> None:
        self.line = line
        super().__init__(message)


_Entries = dict[str, tuple[yaml.Node, yaml.Node]]


class NodeReader:
    """Walks composed nodes once; the attributes are those of ``Document``.

    Args:
        text: What the nodes were composed of.
    """

    def __init__(self, text: str = "") -> None:
        self.text = split_lines(text)
        self.lines: dict[KeyPath, int] = {}
        self.places: dict[KeyPath, TextPlace] = {}
        self.doubts: dict[KeyPath, str] = {}
        self.findings: list[Finding] = []
        self.broken: set[KeyPath] = set()
        self._open: set[int] = set()
        self._reported: set[int] = set()
        self._num_values = 0

    def read(self, node: yaml.Node, path: KeyPath = ()) -> Any:
        """Read a node and what is below it.

        Raises:
            TooLargeError: There is more than a config can hold.
        """
        self._count(node)
        self.lines.setdefault(path, _line(node))
        self.places[path] = TextPlace(
            self.places[path].key if path in self.places else TextSpan.of(node), TextSpan.of(node)
        )
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if id(node) in self._open:
            return self._break(node, path, "an alias that contains itself: write the value out")
        self._enter(node)
        try:
            if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
                return [self.read(child, (*path, index)) for index, child in enumerate(node.value)]
            if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
                return self._mapping(node, path)
            return self._break(node, path, _tag_message(node))
        finally:
            self._open.discard(id(node))

    def _enter(self, node: yaml.Node) -> None:
        """Go into a list or mapping; aliases nest what does not look nested."""
        if len(self._open) >= MAX_DEPTH:
            raise TooLargeError(_TOO_DEEP.format(MAX_DEPTH), _line(node))
        self._open.add(id(node))

    def _count(self, node: yaml.Node) -> None:
        self._num_values += 1
        if self._num_values > MAX_VALUES:
            raise TooLargeError(_TOO_MANY.format(MAX_VALUES), _line(node))

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key, (key_node, value_node) in self._entries(node, path).items():
            place = (*path, key)
            self.lines[place] = _line(key_node)
            self.places[place] = TextPlace(TextSpan.of(key_node), TextSpan.of(value_node))
            if key_node.tag != _TAG + "str":
                self.doubts[place] = f"the key would be the text '{key}': put it in quotes if that is meant"
            data[key] = self.read(value_node, place)
        return data

    def _entries(self, node: yaml.MappingNode, path: KeyPath) -> _Entries:
        """Entries by key: the mapping's own in their order, then what it merges in (``<<``) and does not have."""
        own: dict[str, list[tuple[yaml.Node, yaml.Node]]] = {}
        merged: list[yaml.Node] = []
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                merged.append(value_node)
            elif not isinstance(key_node, yaml.ScalarNode) or key_node.tag == _TAG + "null":
                self._report(key_node, path, "a key that is not text: expected `name: value`")
            elif not _is_plain(key_node):
                self._report(key_node, path, _tag_message(key_node))
            elif (odd := _NEVER_TEXT.search(key_node.value)) is not None:
                self._report(key_node, path, f"a key holds the character U+{ord(odd[0]):04X}, which no text may hold")
            else:
                own.setdefault(key_node.value, []).append((key_node, value_node))
        self._report_repeated(own, path)
        entries = {key: given[-1] for key, given in own.items()}
        for value_node in merged:
            for key, entry in self._merged(value_node, path).items():
                entries.setdefault(key, entry)
        return entries

    def _report_repeated(self, own: dict[str, list[tuple[yaml.Node, yaml.Node]]], path: KeyPath) -> None:
        for key, given in own.items():
            if len(given) > 1:
                lines = ", ".join(str(_line(key_node)) for key_node, _ in given[:_MOST_LINES])
                more = ", ..." if len(given) > _MOST_LINES else ""
                self._report(given[-1][0], (*path, key), f"given {len(given)} times (lines {lines}{more}): keep one")

    def _merged(self, node: yaml.Node, path: KeyPath) -> _Entries:
        entries: _Entries = {}
        for source in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if not isinstance(source, yaml.MappingNode) or id(source) in self._open:
                self._report(source, path, "`<<` merges other mappings: expected an alias of one")
                continue
            self._count(source)
            self._enter(source)
            for key, entry in self._entries(source, path).items():
                self._count(source)
                entries.setdefault(key, entry)
            self._open.discard(id(source))
        return entries

    def _scalar(self, node: yaml.ScalarNode, path: KeyPath) -> Any:
        text: str = node.value
        if not _is_plain(node):
            return self._break(node, path, _tag_message(node))
        kind = node.tag.removeprefix(_TAG)
        if (odd := _NEVER_TEXT.search(text)) is not None:
            return self._break(node, path, f"holds the character U+{ord(odd[0]):04X}, which no text may hold")
        if kind == "str" and node.style is None and _OLD_BOOL.fullmatch(text):
            self.doubts[path] = f"`{text}` may be text or a boolean: write true or false, or put it in quotes"
        try:
            return _CONVERT[kind](text)
        except ValueError:
            return self._break(node, path, f"found {text[:60]!r}, which cannot be read as {kind}")

    def _break(self, node: yaml.Node, path: KeyPath, message: str) -> None:
        self.broken.add(path)
        self._report(node, path, message)

    def _report(self, node: yaml.Node, path: KeyPath, message: str) -> None:
        """Note what is wrong with a node: once, however many aliases lead to it."""
        if id(node) not in self._reported:
            self._reported.add(id(node))
            self.findings.append(Finding(path, message, _line(node), excerpt_at(self.text, TextSpan.of(node))))


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _is_plain(node: yaml.ScalarNode) -> bool:
    return node.tag.removeprefix(_TAG) in _CONVERT


def _tag_message(node: yaml.Node) -> str:
    tag = node.tag.replace(_TAG, "!!", 1)
    return f"the tag {tag} is not allowed: a config holds plain data (text, numbers, true, false, lists, mappings)"


def plain_value(text: str) -> Any:
    """What a text without quotes means: a number, true, false, nothing, or the text itself.

    >>> [plain_value(text) for text in ("1e-6", "true", "", "a: b", "[1]")]
    [1e-06, True, None, 'a: b', '[1]']
    """
    tag = PlainLoader("").resolve(yaml.ScalarNode, text.strip(), (True, False))  # type: ignore[no-untyped-call]
    kind = str(tag).removeprefix(_TAG)
    try:
        return _CONVERT[kind](text.strip()) if kind in _CONVERT and kind != "str" else text
    except ValueError:
        return text


def _to_int(text: str) -> int:
    return int(text, 0) if text[:2] in ("0x", "0o") else int(text)


def _to_float(text: str) -> float:
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


def _to_bool(text: str) -> bool:
    if not _BOOL.fullmatch(text):
        raise ValueError(text)
    return text.lower() == "true"


_CONVERT: dict[str, Callable[[str], Any]] = {
    "str": str,
    "int": _to_int,
    "float": _to_float,
    "bool": _to_bool,
    "null": lambda _: None,
}
