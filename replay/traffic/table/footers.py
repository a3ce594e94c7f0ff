"""Parquet footers: read side by side on the driver, and what is wrong with a file that has none."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from replay.errors import TrafficError
from replay.files.reading import file_status, open_input
from replay.files.reasons import plain_reason
from replay.spark.types import canonical

_MAGIC = b"PAR1"
_OTHER_FORMATS = {
    b"PARE": "an encrypted Parquet file, which is not supported",
    b"ORC": "an ORC file",
    b"Obj\x01": "an Avro file",
    b"ARROW1": "an Arrow IPC file",
    b"\x1f\x8b": "a gzip file",
    b"PK\x03\x04": "a zip file",
}
# What Spark reads without a library that it does not come with; pyarrow reads more.
_SPARK_CODECS = frozenset({"UNCOMPRESSED", "SNAPPY", "GZIP", "ZSTD", "LZ4"})
_SPARK_ENCODINGS = frozenset(
    {
        *("PLAIN", "PLAIN_DICTIONARY", "RLE_DICTIONARY", "RLE", "BIT_PACKED"),
        *("DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"),
    }
)
_THREADS = 16
_TAIL_BYTES = 1 << 16
"""So much of a file's end is read at once; most footers are smaller."""
_SIGNATURE_BYTES = 28  # a nonce and a tag of AES-GCM
_NAMED = 3


@dataclass(frozen=True)
class Footer:
    """What a Parquet file says of itself.

    Attributes:
        metadata: ``pyarrow.parquet.FileMetaData``.
        schema: Canonical types (a column of nulls alone stays null), as far as one file tells.
    """

    metadata: Any
    schema: pa.Schema


@dataclass(frozen=True)
class BrokenFooter:
    """A file that has no footer that could be read.

    Attributes:
        path: Of the file.
        reason: What it is instead, and what to do.
        fetched: Its bytes could be had: it is they that are wrong.
    """

    path: str
    reason: str
    fetched: bool


def read_footers(paths: Sequence[str]) -> list[Footer]:
    """Read the footers of Parquet files, in the order of the paths.

    Raises:
        TrafficError: Some cannot be read; the message names them and says what they are.
    """
    found = try_footers(paths)
    refuse_broken([footer for footer in found if isinstance(footer, BrokenFooter)])
    return [footer for footer in found if isinstance(footer, Footer)]


def try_footers(paths: Sequence[str]) -> list[Footer | BrokenFooter]:
    """Read the footers of Parquet files, in the order of the paths, and say what is wrong with those that have none."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(_try_footer, paths))


def refuse_broken(broken: Sequence[BrokenFooter]) -> None:
    """Refuse files that have no footers, if there are any.

    Raises:
        TrafficError: There are.
    """
    if broken:
        more = f"\n... and {len(broken) - _NAMED} more files" if len(broken) > _NAMED else ""
        raise TrafficError("\n".join(f"{each.path}: {each.reason}" for each in broken[:_NAMED]) + more)


def _try_footer(path: str) -> Footer | BrokenFooter:
    try:
        status = file_status(path)
        return _read_footer(path, status.size, status.modified)
    except (pa.ArrowException, OSError) as error:
        fetched, reason = _problem(path, error)
        return BrokenFooter(path, reason, fetched)


@lru_cache(maxsize=2048)
def _read_footer(path: str, size: int, modified: int) -> Footer:
    """Size and time are there to make a changed file another entry of the cache."""
    with open_input(path) as source:
        metadata = read_metadata(source, size)
    schema = metadata.schema.to_arrow_schema()
    names = schema.names
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise OSError(f"two columns are named `{twice}`")
    int96 = _int96_columns(metadata)
    fields = [pa.field(field.name, canonical(field.type, int96=field.name in int96)) for field in schema]
    return Footer(metadata, pa.schema(fields))


def read_metadata(source: pa.NativeFile, size: int) -> Any:
    """What the end of a Parquet file says, as ``pyarrow.parquet.FileMetaData``.

    Files whose columns are encrypted are refused: pyarrow ends the process where it meets such a column.

    Raises:
        OSError: There is no footer, or one that is signed, as it is where columns are encrypted and the footer is not.
        pyarrow.ArrowException: There is none, or it is not valid.
    """
    tail = source.read_at(min(size, _TAIL_BYTES), max(0, size - _TAIL_BYTES))
    length = int.from_bytes(tail[-8:-4], "little")
    if len(tail) < length + 8 <= size:
        tail = source.read_at(length + 8, size - length - 8)
    metadata = pq.read_metadata(pa.BufferReader(tail))
    if length - metadata.serialized_size == _SIGNATURE_BYTES:
        raise OSError("its columns are encrypted")
    return metadata


def spark_obstacles(footer: Footer) -> dict[str, str]:
    """Columns that are stored in a way that Spark does not read, each with the reason; told by the first row group."""
    if not footer.metadata.num_row_groups:
        return {}
    group = footer.metadata.row_group(0)
    found: dict[str, str] = {}
    for place in range(group.num_columns):
        column = group.column(place)
        unread = [encoding for encoding in column.encodings if encoding not in _SPARK_ENCODINGS]
        if column.compression not in _SPARK_CODECS:
            unread.append(column.compression)
        if unread:
            name = _root_name(footer.metadata.schema.column(place))
            found.setdefault(name, f"Spark does not read columns stored as {', '.join(unread)}")
    return found


def _int96_columns(metadata: Any) -> set[str]:
    columns = (metadata.schema.column(index) for index in range(metadata.num_columns))
    return {_root_name(column) for column in columns if column.physical_type == "INT96"}


def _root_name(column: Any) -> str:
    """The top-level column of a leaf; a column's own name may have dots, and then it is its whole path."""
    return str(column.path if column.name == column.path else column.path.split(".")[0])


def _problem(path: str, error: BaseException) -> tuple[bool, str]:
    """Whether a file's bytes can be had that is not read as Parquet, and what is wrong with it."""
    hint = "move it away or write it again"
    try:
        size = file_status(path).size
        with open_input(path) as file:
            head, tail = file.read_at(8, 0), file.read_at(4, max(0, size - 4))
    except OSError as unreadable:
        return False, f"cannot be read: {unreadable.strerror or plain_reason(path, unreadable)}"
    if size == 0:
        return True, f"is empty (0 bytes), not a Parquet file: its writer may have died; {hint}"
    if head[:4] == _MAGIC and tail != _MAGIC:
        return True, f"is truncated ({size:,} bytes, no Parquet footer at its end): {hint}"
    if head[:4] == _MAGIC:
        return True, f"its Parquet footer is corrupt or not supported ({_first_line(error)}): {hint}"
    return True, f"is {_kind(head)}, expected Parquet: {hint}, or convert the directory to Parquet or Delta"


def _kind(head: bytes) -> str:
    for magic, name in _OTHER_FORMATS.items():
        if head.startswith(magic):
            return name
    if head.lstrip()[:1] in (b"{", b"["):
        return "JSON text"
    if (head.isascii() and head.decode("ascii").isprintable()) or b"\n" in head or b"," in head:
        return "text, perhaps CSV"
    return f"not a Parquet file (it starts with {head[:4]!r})"


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
