"""One schema for files that were written with different ones."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from replay.errors import TrafficError
from replay.traffic.types import holds, merge, settled, spark_refuses, spark_widens


def merge_schemas(schemas: Sequence[pa.Schema], paths: Sequence[str]) -> pa.Schema:
    """The schema that holds every file's rows without loss: a column of any file, in the widest type of all files.

    Args:
        schemas: Canonical, one a file.
        paths: For the message.

    Raises:
        TrafficError: A column has types that no one type holds; both files are named.
    """
    merged: dict[str, pa.DataType] = {}
    first: dict[str, str] = {}
    for schema, path in _distinct(schemas, paths):
        for field in schema:
            known = merged.get(field.name, field.type)
            both = merge(known, field.type)
            if both is None:
                raise TrafficError(
                    f"column `{field.name}` is {known} in {first[field.name]} and {field.type} in {path}: "
                    "expected types that one column can hold without loss; write one of the files again"
                )
            merged[field.name] = both
            first.setdefault(field.name, path)
    return pa.schema([pa.field(name, settled(dtype)) for name, dtype in merged.items()])


def refused_by_spark(schema: pa.Schema, file_schemas: Sequence[pa.Schema]) -> dict[str, str]:
    """Columns that Spark cannot read from these files under the merged schema, each with the reason."""
    reasons: dict[str, str] = {}
    for field in schema:
        reason = spark_refuses(field.type)
        if reason is not None:
            reasons[field.name] = reason
    for file_schema in dict.fromkeys(file_schemas):
        for field in file_schema:
            index = schema.get_field_index(field.name)
            if index >= 0 and field.name not in reasons and not spark_widens(field.type, schema.field(index).type):
                reasons[field.name] = f"Spark does not read {field.type} as {schema.field(index).type}"
    folded: dict[str, str] = {}
    for name in schema.names:
        other = folded.setdefault(name.casefold(), name)
        if other != name:
            reasons[name] = reasons[other] = f"Spark does not tell `{other}` from `{name}`"
    return reasons


def check_files_fit(schema: pa.Schema, file_schemas: Sequence[pa.Schema], paths: Sequence[str]) -> None:
    """Check that every file's columns can be delivered under a schema that the table itself declares.

    Raises:
        TrafficError: One cannot; the file and the column are named.
    """
    for file_schema, path in _distinct(file_schemas, paths):
        for field in file_schema:
            index = schema.get_field_index(field.name)
            if index >= 0 and not holds(schema.field(index).type, field.type):
                raise TrafficError(
                    f"{path}: column `{field.name}` is {field.type}, but the table declares "
                    f"{schema.field(index).type}: write the file again, or repair the table"
                )


def _distinct(schemas: Sequence[pa.Schema], paths: Sequence[str]) -> list[tuple[pa.Schema, str]]:
    """Each different schema once, with the first file that has it: thousands of files share a few."""
    seen: dict[pa.Schema, str] = {}
    for schema, path in zip(schemas, paths, strict=True):
        seen.setdefault(schema, path)
    return list(seen.items())
