"""Parquet files that cannot be read, each in a way of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe

_KEY = b"0123456789abcdef"


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def break_footer(path: Path) -> None:
    """The magic and the length stay, what lies between them and the data goes."""
    whole = path.read_bytes()
    path.write_bytes(whole[:-100] + b"\xff" * 92 + whole[-8:])


def break_page(path: Path, column: str = "x2") -> None:
    """The last row group's data of a column; the footer stays, and so does the file's size."""
    group = pq.read_metadata(path).row_group(pq.read_metadata(path).num_row_groups - 1)
    chunk = next(
        group.column(place) for place in range(group.num_columns) if group.column(place).path_in_schema == column
    )
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    data = bytearray(path.read_bytes())
    middle = start + chunk.total_compressed_size // 2
    data[middle : middle + 64] = bytes(255 - byte for byte in data[middle : middle + 64])
    path.write_bytes(bytes(data))


def break_page_header(path: Path, column: str = "x2") -> None:
    """The first bytes of a column's data, in which its format says what follows."""
    group = pq.read_metadata(path).row_group(0)
    chunk = next(
        group.column(place) for place in range(group.num_columns) if group.column(place).path_in_schema == column
    )
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    data = bytearray(path.read_bytes())
    data[start : start + 16] = b"\xff" * 16
    path.write_bytes(bytes(data))


def encrypt(path: Path, *, plain_footer: bool = False) -> None:
    """What is in it, encrypted with a key that nobody is told."""
    table = pq.read_table(path)
    config = pe.EncryptionConfiguration(
        footer_key="footer", column_keys={"column": table.schema.names}, plaintext_footer=plain_footer
    )
    factory = pe.CryptoFactory(lambda _: _Keys())
    properties = factory.file_encryption_properties(pe.KmsConnectionConfig(), config)
    with pq.ParquetWriter(path, table.schema, encryption_properties=properties) as writer:
        writer.write_table(table)


def encrypt_columns(path: Path) -> None:
    encrypt(path, plain_footer=True)


class _Keys(pe.KmsClient):
    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> bytes:
        return key_bytes

    def unwrap_key(self, wrapped_key: bytes, master_key_identifier: str) -> bytes:
        return wrapped_key


DAMAGES: dict[str, Callable[[Path], Any]] = {
    "truncated": truncate,
    "empty": empty,
    "footer": break_footer,
    "page": break_page,
    "page header": break_page_header,
    "encrypted": encrypt,
    "encrypted columns": encrypt_columns,
}
