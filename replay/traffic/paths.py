"""Names of logged columns: a top-level column, or a path into a struct or a map."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from replay.config.messages.wording import suggestion
from replay.config.names import nearest
from replay.errors import TrafficError
from replay.spark.sql import quoted, text_literal


@dataclass(frozen=True)
class PathStep:
    """One step down from a column: into a struct's field, or to a map's entry.

    Attributes:
        name: The field, or the key.
        in_map: It is a key.
    """

    name: str | int
    in_map: bool

    @property
    def sql(self) -> str:
        """As Spark SQL writes it behind what it steps down from."""
        if not self.in_map:
            return f".{quoted(str(self.name))}"
        return f"[{self.name if isinstance(self.name, int) else text_literal(self.name)}]"


@dataclass(frozen=True)
class ColumnPath:
    """A column or a path, found in a schema.

    Attributes:
        name: As the config names it.
        root: Its top-level column.
        steps: From there down; empty for the column itself.
        type: What lies at its end.
    """

    name: str
    root: str
    steps: tuple[PathStep, ...]
    type: pa.DataType

    @property
    def leaf(self) -> str | None:
        """Its dotted place in a Parquet footer, or None for a map's entry, which has none."""
        if any(step.in_map for step in self.steps):
            return None
        return ".".join([self.root, *(str(step.name) for step in self.steps)])

    @property
    def sql(self) -> str:
        """As Spark SQL names it: ``a.b`` is one name where a column is called so, and two where ``a`` is a struct."""
        return quoted(self.root) + "".join(step.sql for step in self.steps)

    def values(self, batch: pa.RecordBatch) -> pa.Array:
        """What a batch holds there, (num_rows,); null where anything on the way is."""
        array = batch.column(self.root)
        for step in self.steps:
            if step.in_map:
                array = pc.map_lookup(array, pa.scalar(step.name, array.type.key_type), "first")
            else:
                array = pc.struct_field(array, step.name)
        return array


def find_column(schema: pa.Schema, name: str) -> ColumnPath | None:
    """Find a column by its name or path: the longest literal name first, and what follows a map's name is its key.

    >>> schema = pa.schema([("a.b", pa.int8()), ("a", pa.struct([("b", pa.int8()), ("c", pa.string())]))])
    >>> find_column(schema, "a.b").root, find_column(schema, "a.c").steps
    ('a.b', (PathStep(name='c', in_map=False),))
    """
    for root in _heads(name):
        index = schema.get_field_index(root)
        if index >= 0:
            found = _below(schema.field(index).type, name[len(root) + 1 :])
            if found is not None:
                steps, dtype = found
                return ColumnPath(name, root, steps, dtype)
    return None


def _heads(name: str) -> list[str]:
    """``name`` itself and what stands before each of its dots, longest first."""
    return [name, *(name[:at] for at in range(len(name) - 1, 0, -1) if name[at] == ".")]


def _below(dtype: pa.DataType, rest: str) -> tuple[tuple[PathStep, ...], pa.DataType] | None:
    if not rest:
        return (), dtype
    if pa.types.is_map(dtype):
        key = _map_key(dtype.key_type, rest)
        return ((PathStep(key, in_map=True),), dtype.item_type) if key is not None else None
    if not pa.types.is_struct(dtype):
        return None
    for head in _heads(rest):
        index = dtype.get_field_index(head)
        found = _below(dtype.field(index).type, rest[len(head) + 1 :]) if index >= 0 else None
        if found is not None:
            steps, inner = found
            return (PathStep(head, in_map=False), *steps), inner
    return None


def _map_key(key_type: pa.DataType, text: str) -> str | int | None:
    if pa.types.is_string(key_type):
        return text
    whole = pa.types.is_integer(key_type) and text.lstrip("-").isdecimal()
    return int(text) if whole else None


def require_column(schema: pa.Schema, name: str) -> ColumnPath:
    """Like :func:`find_column`, for a column that must be there.

    Raises:
        TrafficError: It is not.
    """
    found = find_column(schema, name)
    if found is None:
        raise TrafficError(f"the traffic has no column `{name}`{suggestion(nearest(name, column_names(schema)))}")
    return found


def column_type(schema: pa.Schema, name: str) -> pa.DataType:
    """The logged type of a column or path.

    Raises:
        TrafficError: The schema has no such column.
    """
    return require_column(schema, name).type


def column_root(schema: pa.Schema, name: str) -> str:
    """The top-level column that a column or path lies in.

    Raises:
        TrafficError: The schema has no such column.
    """
    return require_column(schema, name).root


def column_names(schema: pa.Schema) -> list[str]:
    """Every name that a schema has: its columns, then the fields of its structs as paths."""
    names = list(schema.names)
    for field in schema:
        names.extend(_field_names(field.name, field.type))
    return names


def _field_names(prefix: str, dtype: pa.DataType) -> list[str]:
    if not pa.types.is_struct(dtype):
        return []
    names = []
    for field in dtype:
        path = f"{prefix}.{field.name}"
        names.extend([path, *_field_names(path, field.type)])
    return names
