"""The columns of a table, with struct fields one by one, and the kind of value that each holds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

Kind = Literal["float", "int", "bool", "string", "time", "other"]

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True)
class Leaf:
    """A column, or a field inside a struct column.

    Attributes:
        name: As a config names it: ``price``, ``context.device``.
        kind: Of its values; for a list, of its elements.
        is_list: Whether it holds a list a row.
        length: Of a list of fixed size, else None.
    """

    name: str
    kind: Kind
    is_list: bool = False
    length: int | None = None

    @property
    def words(self) -> str:
        """The name in one spelling, for comparisons.

        >>> Leaf("context.userId", "int").words
        'context_user_id'
        """
        return normalized(self.name)


def normalized(name: str) -> str:
    """Write a name in lower case with underscores.

    >>> normalized("onlineScore"), normalized("CTR-7d")
    ('online_score', 'ctr_7d')
    """
    return re.sub(r"\W+", "_", _WORD.sub("_", name)).strip("_").lower()


def leaves(schema: pa.Schema) -> tuple[Leaf, ...]:
    """List what a schema holds, in its order.

    >>> leaves(pa.schema([("a", pa.int8()), ("s", pa.struct([("b", pa.list_(pa.float32()))]))]))
    (Leaf(name='a', kind='int', is_list=False, length=None), Leaf(name='s.b', kind='float', is_list=True, length=None))
    """
    return tuple(leaf for field in schema for leaf in _of_field(field, ""))


def _of_field(field: pa.Field, prefix: str) -> tuple[Leaf, ...]:
    name, kind = prefix + field.name, field.type
    if pa.types.is_struct(kind):
        return tuple(leaf for child in kind.fields for leaf in _of_field(child, f"{name}."))
    if pa.types.is_fixed_size_list(kind):
        return (Leaf(name, _kind(kind.value_type), is_list=True, length=kind.list_size),)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return (Leaf(name, _kind(kind.value_type), is_list=True),)
    return (Leaf(name, _kind(kind)),)


_KINDS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    ("float", ("is_floating", "is_decimal")),
    ("int", ("is_integer",)),
    ("bool", ("is_boolean",)),
    ("string", ("is_string", "is_large_string")),
    ("time", ("is_timestamp", "is_date")),
)


def _kind(data_type: pa.DataType) -> Kind:
    if pa.types.is_dictionary(data_type):
        data_type = data_type.value_type
    for kind, tests in _KINDS:
        if any(getattr(pa.types, test)(data_type) for test in tests):
            return kind
    return "other"
