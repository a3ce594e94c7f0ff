"""A file's columns as the pinned schema has them: by name, cast where the file is narrower, null where it has none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from replay.errors import TrafficError
from replay.spark.types import canonical
from replay.traffic.table.merging import holds

_Column = Callable[[pa.RecordBatch], pa.Array]


class Conformer:
    """What has to be done to each batch of one file; decided once a file.

    Args:
        file_schema: The file's, as pyarrow reads it.
        schema: What is delivered; where it has a dictionary, its indices are int32.
        partition_values: By partition column; they win over a column of the same name in the file.
        path: The file, for messages.

    Attributes:
        file_columns: Names to read from the file.
        varying_columns: Those of them whose values take more or fewer bytes.
        fixed_bytes: Bytes of a row in the others.

    Raises:
        TrafficError: A column of the file cannot become what the schema says.
    """

    def __init__(
        self, file_schema: pa.Schema, schema: pa.Schema, partition_values: Mapping[str, Any], path: str
    ) -> None:
        self._schema = schema
        self._path = path
        self._places = {field.name: _place(file_schema, field.name) for field in schema}
        self._columns: list[_Column] = []
        self.file_columns: list[str] = []
        for field in schema:
            self._columns.append(self._column(field, file_schema, partition_values))
        widths = {name: _width(file_schema.field(name).type) for name in self.file_columns}
        self.varying_columns = [name for name, width in widths.items() if width is None]
        self.fixed_bytes = sum(width for width in widths.values() if width is not None)

    def conform(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Deliver a batch of the file under the pinned schema."""
        return pa.RecordBatch.from_arrays([column(batch) for column in self._columns], schema=self._schema)

    def _column(self, field: pa.Field, file_schema: pa.Schema, partition_values: Mapping[str, Any]) -> _Column:
        if field.name in partition_values:
            values = pa.array([partition_values[field.name]], _values_type(field.type))
            return lambda batch: _of_type(pa.repeat(values[0], batch.num_rows), field.type)
        name = self._places[field.name]
        if name is None:
            return lambda batch: pa.nulls(batch.num_rows, field.type)
        self.file_columns.append(name)
        logged = file_schema.field(name).type
        if logged == field.type:
            return lambda batch: batch.column(name)
        self._check(field, logged)
        return lambda batch: self._cast(batch.column(name), field)

    def _check(self, field: pa.Field, logged: pa.DataType) -> None:
        # Nanoseconds of a file with INT96 have been read as microseconds already.
        plain, wanted = canonical(logged), _values_type(field.type)
        # A date may have become a timestamp without a zone, by Delta's widening of types.
        widened = pa.types.is_date32(plain) and wanted == pa.timestamp("us")
        if not (widened or holds(wanted, plain) or holds(wanted, canonical(logged, int96=True))):
            raise TrafficError(f"{self._path}: column `{field.name}` is {logged}, but the table's is {field.type}")

    def _cast(self, array: pa.Array, field: pa.Field) -> pa.Array:
        try:
            if isinstance(array, pa.ExtensionArray):
                array = array.storage
            if isinstance(array, pa.RunEndEncodedArray):
                array = pa.compute.run_end_decode(array)
            return _of_type(array, field.type)
        except pa.ArrowException as error:
            raise TrafficError(
                f"{self._path}: column `{field.name}` cannot be read as {field.type}: {str(error).splitlines()[0]}"
            ) from error


def _values_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _of_type(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Values cast to a type, or to a dictionary of it."""
    if not pa.types.is_dictionary(kind):
        return array.cast(kind)
    if not isinstance(array, pa.DictionaryArray):
        return array.cast(kind.value_type).dictionary_encode()
    return pa.DictionaryArray.from_arrays(array.indices.cast(kind.index_type), array.dictionary.cast(kind.value_type))


def _place(file_schema: pa.Schema, name: str) -> str | None:
    """The file's own spelling of a column; catalogs may keep names in lower case."""
    if file_schema.get_field_index(name) >= 0:
        return name
    alike = [own for own in file_schema.names if own.casefold() == name.casefold()]
    return alike[0] if len(alike) == 1 else None


def _width(dtype: pa.DataType) -> float | None:
    """Bytes of a value, or None where they vary."""
    if pa.types.is_dictionary(dtype):
        return None
    try:
        return float(dtype.bit_width) / 8
    except ValueError:
        return None
