"""Names of features: columns, and paths into structs and maps, found in a schema; globs over them.

``a.b.c`` is looked for as the longest literal name first: the column ``a.b.c``, then ``c`` in the column ``a.b``, then
``b.c`` or ``c`` in ``b`` in the column ``a``. What follows the name of a map is a key. A glob is matched against whole
names, so that its ``*`` takes dots too: ``features.*`` takes the fields of ``features`` and the fields of those.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from replay.config.names import matches
from replay.features.codecs.buffers import plain_type
from replay.features.codecs.vectors import is_vector


@dataclass(frozen=True)
class FieldStep:
    """Into the field of a struct, by its place."""

    index: int


@dataclass(frozen=True)
class KeyStep:
    """Into a map, by a key of the map's key type."""

    key: str | int


Step = FieldStep | KeyStep

_WILDCARDS = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Feature:
    """A feature that a schema holds.

    Attributes:
        name: As the config names it.
        root: Its top-level column.
        steps: From the column down to the feature; empty for the column itself.
        type: Its logged type.
        place: Sorts features in schema order.
    """

    name: str
    root: str
    steps: tuple[Step, ...]
    type: pa.DataType
    place: tuple[int, ...]


@dataclass(frozen=True)
class _Node:
    """A column, a field or a map entry on the way."""

    name: str
    feature: Feature

    @property
    def type(self) -> pa.DataType:
        return plain_type(self.feature.type)

    @property
    def is_map(self) -> bool:
        return bool(pa.types.is_map(self.type))

    @property
    def is_leaf(self) -> bool:
        return not self.is_map and (not pa.types.is_struct(self.type) or is_vector(self.type))


class Catalog:
    """Every feature that a schema holds.

    Args:
        schema: The table's, or a batch's.
        map_keys: Keys of map columns by the map's name (or path), as far as they are known; globs need them, and exact
            names do not.
    """

    def __init__(self, schema: pa.Schema, map_keys: Mapping[str, Sequence[str]] | None = None) -> None:
        self._map_keys = map_keys or {}
        self._columns = [
            _Node(field.name, Feature(field.name, field.name, (), field.type, (index,)))
            for index, field in enumerate(schema)
        ]

    def find(self, name: str) -> Feature | None:
        """The feature of an exact name, or None. What follows a map's name is a key, whether or not it is known."""
        return self._find(name, self._columns)

    def match(self, glob: str) -> list[Feature]:
        """The features that a glob takes, in schema order; one that has the glob's very name is the only one."""
        leaves = [node.feature for node in self._walk(self._columns) if node.is_leaf]
        literal = [feature for feature in leaves if feature.name == glob]
        return literal or [feature for feature in leaves if matches(glob, feature.name)]

    def names(self) -> tuple[str, ...]:
        """Every name that can be listed: columns, fields of structs, known keys of maps."""
        return tuple(node.feature.name for node in self._walk(self._columns))

    def maps_without_keys(self, glob: str) -> tuple[str, ...]:
        """Maps that a glob would go into, if only their keys were known."""
        literal = _WILDCARDS.split(glob, maxsplit=1)[0]
        maps = [n.feature.name for n in self._walk(self._columns) if n.is_map and not self._known_keys(n)]
        return tuple(name for name in maps if f"{name}.".startswith(literal) or literal.startswith(f"{name}."))

    def _walk(self, nodes: Sequence[_Node]) -> Iterator[_Node]:
        for node in nodes:
            yield node
            if not node.is_leaf:
                yield from self._walk(self._children(node))

    def _find(self, name: str, nodes: Sequence[_Node]) -> Feature | None:
        for node in nodes:
            if node.name == name:
                return node.feature
        heads = [node for node in nodes if name.startswith(node.name + ".")]
        for node in sorted(heads, key=lambda node: -len(node.name)):
            rest = name[len(node.name) + 1 :]
            found = self._find_key(node, rest) if node.is_map else self._find(rest, self._children(node))
            if found is not None:
                return found
        return None

    def _find_key(self, node: _Node, name: str) -> Feature | None:
        """``name`` is a key, or a key and what follows it inside a nested value."""
        whole = self._entry(node, name)
        if whole is not None and whole.is_leaf:
            return whole.feature
        for key in self._keys_before_a_dot(node, name):
            entry = self._entry(node, key)
            if entry is None or entry.is_leaf:
                continue
            rest = name[len(key) + 1 :]
            inner = self._find_key(entry, rest) if entry.is_map else self._find(rest, self._children(entry))
            if inner is not None:
                return inner
        return whole.feature if whole is not None else None

    def _keys_before_a_dot(self, node: _Node, name: str) -> list[str]:
        """Heads of a dotted name that may be the key: known keys first, then the longest, or in a map the shortest."""
        heads = [name[:at] for at, sign in enumerate(name) if sign == "."]
        known = [head for head in reversed(heads) if head in self._known_keys(node)]
        in_map = pa.types.is_map(plain_type(node.type.item_type))
        return [*known, *(heads if in_map else reversed(heads))]

    def _children(self, node: _Node) -> list[_Node]:
        if node.is_map:
            entries = (self._entry(node, key) for key in self._known_keys(node))
            return [entry for entry in entries if entry is not None]
        if node.is_leaf:
            return []
        return [
            _Node(field.name, _below(node.feature, field.name, FieldStep(index), field.type, index))
            for index, field in enumerate(node.type)
        ]

    def _known_keys(self, node: _Node) -> list[str]:
        return list(self._map_keys.get(node.feature.name, ()))

    def _entry(self, node: _Node, key: str) -> _Node | None:
        """The entry of a map; None where the text is no key of the map's key type."""
        kind = plain_type(node.type.key_type)
        if pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view():
            step = KeyStep(key)
        elif pa.types.is_integer(kind) and key.lstrip("-").isdecimal() and str(int(key)) == key:
            step = KeyStep(int(key))
        else:
            return None
        known = self._known_keys(node)
        place = known.index(key) if key in known else len(known)
        return _Node(key, _below(node.feature, key, step, node.type.item_type, place))


def _below(parent: Feature, name: str, step: Step, kind: pa.DataType, place: int) -> Feature:
    return Feature(f"{parent.name}.{name}", parent.root, (*parent.steps, step), kind, (*parent.place, place))
