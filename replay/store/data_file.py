"""One Parquet file of a Delta table, written by the task that has the rows; the driver commits it."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from replay.files.places import local_path, open_filesystem
from replay.store.file_statistics import FileStatistics

ROW_GROUP_ROWS = 131_072
_ROW_GROUP_BYTES = 64 << 20
UNFINISHED = ".unfinished"
"""How the hidden name ends under which a file is written."""


@dataclass(frozen=True)
class WrittenFile:
    """A whole file that is to be committed to a table, or is.

    Attributes:
        path: Relative to the table's directory.
        size: Bytes.
        modified: Milliseconds since 1970, UTC.
        num_rows: At least 1.
        stats: JSON of Delta's protocol: ``numRecords``, ``minValues``, ``maxValues``, ``nullCount``.
    """

    path: str
    size: int
    modified: int
    num_rows: int
    stats: str


class DataFileWriter:
    """Writes one file of a table; nothing of it is there under its name before it is whole.

    Rows wait in memory until they fill a row group. Each writer has a name of its own, so that two attempts of one task
    do not meet.

    Args:
        directory: The table's; it is made.
        name: What the file's name begins with: ``part-00012``.
        schema: Of all batches, in types that Delta has.
        indexed: Columns, from the first, whose ranges are written down.
        key_columns: Columns of which almost every row has a value of its own.

    Raises:
        OSError: The directory cannot be reached.
    """

    def __init__(
        self, directory: str, name: str, schema: pa.Schema, indexed: int, key_columns: Collection[str] = ()
    ) -> None:
        self._filesystem, self._directory = open_filesystem(directory)
        self._name = f"{name}-{uuid4()}.snappy.parquet"
        self._path = f"{self._directory}/{self._name}"
        # On an object store a file is there once it is whole, and it cannot be renamed.
        self._on_disk = local_path(directory) is not None
        self._written = f"{self._directory}/.{self._name}{UNFINISHED}" if self._on_disk else self._path
        self._schema = schema
        self._options = _parquet_options(schema, key_columns)
        self._statistics = FileStatistics(schema, indexed)
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = 0
        self._pending_bytes = 0
        self._num_rows = 0
        self._writer: pq.ParquetWriter | None = None

    def write(self, batch: pa.RecordBatch) -> None:
        """Take rows, which are kept or written.

        Raises:
            pyarrow.ArrowInvalid: They are of another schema.
            OSError: The file cannot be written.
        """
        if batch.num_rows == 0:
            return
        self._pending.append(batch)
        self._pending_rows += batch.num_rows
        self._pending_bytes += batch.nbytes
        if self._pending_bytes >= _ROW_GROUP_BYTES:
            self._write_pending(self._pending_rows)
        elif self._pending_rows >= ROW_GROUP_ROWS:
            self._write_pending(self._pending_rows - self._pending_rows % ROW_GROUP_ROWS)

    def close(self) -> WrittenFile | None:
        """Finish the file; what it could not finish, it removes.

        Returns:
            The file, or None where no row was written: then there is none.

        Raises:
            OSError: It cannot be written.
        """
        try:
            if self._pending:
                self._write_pending(self._pending_rows)
            if self._writer is None:
                return None
            self._writer.close()
            if self._on_disk:
                self._filesystem.move(self._written, self._path)
        except BaseException:
            self.abort()
            raise
        info = self._filesystem.get_file_info(self._path)
        return WrittenFile(
            self._name, info.size, info.mtime_ns // 1_000_000, self._num_rows, self._statistics.to_json()
        )

    def abort(self) -> None:
        """Remove what is there of an unfinished file, as far as that is possible."""
        self._pending = []
        if self._writer is not None:
            with contextlib.suppress(OSError, pa.ArrowException):
                self._writer.close()
            with contextlib.suppress(OSError):
                self._filesystem.delete_file(self._written)
            self._writer = None

    def _write_pending(self, rows: int) -> None:
        """Write so many of the rows that wait."""
        table = pa.Table.from_batches(self._pending, self._schema)
        rest = table.slice(rows)
        self._pending, self._pending_rows, self._pending_bytes = rest.to_batches(), rest.num_rows, rest.nbytes
        full = table.slice(0, rows)
        if self._writer is None:
            if self._on_disk:
                self._filesystem.create_dir(self._directory, recursive=True)
            self._writer = pq.ParquetWriter(self._written, self._schema, filesystem=self._filesystem, **self._options)
        self._writer.write_table(full, row_group_size=ROW_GROUP_ROWS)
        self._statistics.update(full)
        self._num_rows += rows


def _parquet_options(schema: pa.Schema, key_columns: Collection[str]) -> dict[str, Any]:
    """How columns are encoded: what repeats in a dictionary, which costs more than it saves for all else.

    Of row groups only times have ranges: they lie in order in most logs, other columns do not.
    """
    repeating = [field.name for field in schema if pa.types.is_string(field.type) and field.name not in key_columns]
    times = [field.name for field in schema if pa.types.is_temporal(field.type)]
    return {"compression": "snappy", "use_dictionary": repeating, "write_statistics": times}
