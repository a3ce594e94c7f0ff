"""The direct reader: a task reads its own row groups with pyarrow. Knows nothing of Spark.

Each row group is decoded a piece at a time, as large as :data:`DECODE_BYTES` allows (large pieces decode faster than
small ones), and handed on in batches of at most ``batch_rows`` rows and so many bytes as ``batch_sizes.py`` says:
memory does not grow with the file.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from replay.errors import TrafficError
from replay.files.places import local_path
from replay.files.reading import file_status, open_input
from replay.files.reasons import plain_reason
from replay.traffic.computed.column import ComputedColumn
from replay.traffic.computed.evaluate import compute
from replay.traffic.read.batch_sizes import CHUNK_ROWS, joined, row_range, sliced
from replay.traffic.read.conform import Conformer
from replay.traffic.read.selecting.filters import RowFilter
from replay.traffic.read.selecting.window import TimeFilter
from replay.traffic.table.footers import read_metadata

DECODE_BYTES = 96 << 20
"""About so many bytes are decoded at once."""
BATCH_ROWS = 16_384
_READ_BYTES = 1 << 16
"""Bytes of a column that are read of a disk at once: a row group's columns are never in memory as a whole."""
_MAX_DECODE_ROWS = 262_144
_MIN_DECODE_ROWS = 256
_PROBE_ROWS = 1024


@dataclass(frozen=True)
class Piece:
    """Row groups of one file, or a range of rows of one row group.

    Attributes:
        path: Local path, or URL.
        size: Bytes, as pinned.
        modified: Time of change as pinned (ns since 1970), or None where the table's format guarantees the file.
        row_groups: In file order.
        num_rows: Rows in them, before any are left out.
        masked: Rows outside of the window may be among them.
        partition_values: The file's.
        rows: [start, stop) within the only row group, or None for all of it.
    """

    path: str
    size: int
    modified: int | None
    row_groups: tuple[int, ...]
    num_rows: int
    masked: bool = False
    partition_values: Mapping[str, Any] = field(default_factory=dict)
    rows: tuple[int, int] | None = None


@dataclass(frozen=True)
class Split:
    """What one task reads.

    Attributes:
        pieces: In order.
        num_rows: Rows in them, before any are left out.
    """

    pieces: tuple[Piece, ...]
    num_rows: int


class RowLookup(Protocol):
    """Finds columns for rows elsewhere. Picklable."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Top-level columns of the rows by which it finds."""

    @property
    def fields(self) -> tuple[pa.Field, ...]:
        """The columns that it gives."""

    def look_up(self, batch: pa.RecordBatch) -> list[pa.Array]:
        """The columns, (n,) each, for the rows of a batch that has what it reads."""


@dataclass(frozen=True)
class ReadPlan:
    """How splits are read.

    Attributes:
        schema: Columns to deliver, in order.
        time_filter: The window, or None.
        logged: Columns that are read of the files; None where these are the ones to deliver.
        selecting: Columns that are computed from those in every row, to say which rows are selected; in order.
        filters: What a selected row fulfils besides the window.
        computed: Columns that are computed in the selected rows, in order.
        dictionaries: Columns of text among the logged ones that are delivered as dictionaries, with int32 indices: a
            file mostly holds them as such, and each value is decoded once.
        lookups: What is found elsewhere for the selected rows, behind all columns.
    """

    schema: pa.Schema
    time_filter: TimeFilter | None
    logged: pa.Schema | None = field(default=None, kw_only=True)
    selecting: tuple[ComputedColumn, ...] = field(default=(), kw_only=True)
    filters: tuple[RowFilter, ...] = field(default=(), kw_only=True)
    computed: tuple[ComputedColumn, ...] = field(default=(), kw_only=True)
    dictionaries: frozenset[str] = field(default=frozenset(), kw_only=True)
    lookups: tuple[RowLookup, ...] = field(default=(), kw_only=True)


def read_split(
    split: Split, plan: ReadPlan, batch_rows: int = BATCH_ROWS, decode_bytes: int | None = None
) -> Iterator[pa.RecordBatch]:
    """Read a split's selected rows, in file order.

    Args:
        split: From :func:`replay.traffic.plan_splits`.
        plan: The plan that it is of.
        batch_rows: Most rows of a batch.
        decode_bytes: About so many bytes are decoded at once, instead of :data:`DECODE_BYTES`.

    Yields:
        Batches of ``plan.schema``, with ``plan.dictionaries`` as such; none is empty. They may be slices of larger
            ones.

    Raises:
        TrafficError: A file is gone, has changed, is corrupt, or holds values that the pinned schema cannot; or a
            computed column or a condition has no value for a row.
    """
    batches = (batch for piece in split.pieces for batch in _read_piece(piece, plan, decode_bytes or DECODE_BYTES))
    for batch in joined(batches, batch_rows // 2):
        yield from sliced(batch, batch_rows)


def _read_piece(piece: Piece, plan: ReadPlan, decode_bytes: int) -> Iterator[pa.RecordBatch]:
    try:
        yield from decode_piece(piece, plan, decode_bytes)
    except (pa.ArrowException, OSError) as error:
        reason = decoding_reason(piece, error)
        raise TrafficError(f"{piece.path}: cannot be read ({reason}): the file is corrupt; restore it") from error


def decode_piece(piece: Piece, plan: ReadPlan, decode_bytes: int = DECODE_BYTES) -> Iterator[pa.RecordBatch]:
    """Batches as decoded: of any size.

    Raises:
        TrafficError: As :func:`read_split`, but for a corrupt file.
        pyarrow.ArrowException: It is corrupt.
        OSError: It is corrupt, or its bytes cannot be had.
    """
    _check_unchanged(piece)
    with open_input(piece.path) as source:
        footer = read_metadata(source, piece.size)
        texts = _stored_texts(footer, plan.dictionaries)
        yield from _read_file(functools.partial(_open_parquet, source, footer, texts), piece, plan, decode_bytes)


def decoding_reason(piece: Piece, error: BaseException) -> str:
    """Why a file is not decoded, in a line."""
    return plain_reason(piece.path, error).strip().splitlines()[0]


def _open_parquet(source: pa.NativeFile, footer: Any, texts: list[str], *, at_once: bool) -> pq.ParquetFile:
    """Open a file of which a row group's columns are read a little at a time, or at once."""
    how: dict[str, Any] = {"pre_buffer": True} if at_once else {"pre_buffer": False, "buffer_size": _READ_BYTES}
    how |= {"coerce_int96_timestamp_unit": "us", "page_checksum_verification": True}  # Spark writes such checksums
    return pq.ParquetFile(source, metadata=footer, read_dictionary=texts, **how)


def _stored_texts(footer: Any, wanted: frozenset[str]) -> list[str]:
    """The columns among some that a file holds as text; Parquet has dictionaries of those that need no conversion."""
    columns = (footer.schema.column(place) for place in range(footer.num_columns if wanted else 0))
    return [column.path for column in columns if column.path in wanted and column.physical_type == "BYTE_ARRAY"]


def _check_unchanged(piece: Piece) -> None:
    try:
        status = file_status(piece.path)
    except OSError as error:
        reason = error.strerror or plain_reason(piece.path, error)
        raise TrafficError(
            f"{piece.path}: was there when the run started and cannot be read now ({reason}); run again, and "
            "on a cluster give a path that every executor sees"
        ) from error
    if status.size != piece.size or (piece.modified is not None and status.modified != piece.modified):
        raise TrafficError(
            f"{piece.path}: has changed since the run started ({piece.size:,} bytes then, {status.size:,} now): "
            "run again when nothing writes to it, or keep traffic in Delta, which has versions"
        )


def _read_file(opened: Callable[..., Any], piece: Piece, plan: ReadPlan, decode_bytes: int) -> Iterator[pa.RecordBatch]:
    remote = local_path(piece.path) is None  # a store answers after a while, and so is asked for much at once
    file = opened(at_once=remote)
    looked_at = opened(at_once=False) if remote else file
    mask = plan.time_filter if piece.masked else None
    wanted = plan.schema if plan.logged is None else plan.logged
    if mask is not None and mask.logged and mask.column.root not in wanted.names:
        wanted = wanted.append(pa.field(mask.column.root, mask.root_type))
    conformer = Conformer(
        file.schema_arrow, _with_dictionaries(wanted, plan.dictionaries), piece.partition_values, piece.path
    )
    bytes_per_row = 0.0
    for group in piece.row_groups:
        bytes_per_row = bytes_per_row or _probe(looked_at, group, conformer)
        read_rows = _decode_rows(file.metadata.row_group(group), conformer, bytes_per_row, decode_bytes)
        decoded = file.iter_batches(read_rows, row_groups=[group], columns=conformer.file_columns, use_threads=False)
        for batch in row_range(decoded, piece.rows):
            bytes_per_row = max(bytes_per_row, batch.nbytes / batch.num_rows)
            yield from _delivered(conformer.conform(batch), mask, plan)


def _delivered(batch: pa.RecordBatch, window: TimeFilter | None, plan: ReadPlan) -> Iterator[pa.RecordBatch]:
    """The selected rows of a batch with the columns to deliver; no batch where there are none."""
    if window is not None and window.logged:
        batch = _kept(batch, [window])
    if plan.selecting:
        batch = _with_computed(batch, plan.selecting)
    batch = _kept(batch, [*([] if window is None or window.logged else [window]), *plan.filters])
    if not batch.num_rows:
        return
    if plan.computed:
        batch = _with_computed(batch, plan.computed)
    for lookup in plan.lookups:
        names = [one.name for one in lookup.fields]
        arrays = [*batch.columns, *lookup.look_up(batch)]
        batch = pa.RecordBatch.from_arrays(arrays, [*batch.schema.names, *names])
    yield batch if batch.schema.names == plan.schema.names else batch.select(plan.schema.names)


def _kept(batch: pa.RecordBatch, filters: Sequence[RowFilter | TimeFilter]) -> pa.RecordBatch:
    """The rows that fulfil all filters; the batch itself where all do."""
    if not filters or not batch.num_rows:
        return batch
    kept = functools.reduce(pc.and_, (each.mask(batch) for each in filters))
    return batch if kept.false_count == 0 else batch.filter(kept)


def _with_dictionaries(schema: pa.Schema, names: frozenset[str]) -> pa.Schema:
    fields = (
        one.with_type(pa.dictionary(pa.int32(), one.type)).with_nullable(True) if one.name in names else one
        for one in schema
    )
    return pa.schema(fields) if names else schema


def _with_computed(batch: pa.RecordBatch, computed: Sequence[ComputedColumn]) -> pa.RecordBatch:
    """Logged columns with those that are computed from them and from each other."""
    arrays = dict(zip(batch.schema.names, batch.columns, strict=True))
    for column in computed:
        arrays[column.name] = compute(column, arrays, batch.num_rows)
    return pa.RecordBatch.from_arrays(list(arrays.values()), list(arrays))


def _probe(file: Any, group: int, conformer: Conformer) -> float:
    """Bytes of a row's texts and lists, from a few rows: in a dictionary they take less in the file than in memory."""
    varying = conformer.varying_columns
    if not varying or file.metadata.row_group(group).num_rows <= _PROBE_ROWS:
        return 0.0
    few = next(file.iter_batches(_PROBE_ROWS, row_groups=[group], columns=varying, use_threads=False))
    plain = (one.dictionary_decode() if isinstance(one, pa.DictionaryArray) else one for one in few.columns)
    return float(sum(one.nbytes for one in plain) / few.num_rows + conformer.fixed_bytes)


def _decode_rows(group: Any, conformer: Conformer, seen_bytes_per_row: float, decode_bytes: int) -> int:
    """How many rows to decode at once, from the sizes in the footer and those seen so far; whole batches of them."""
    columns = (group.column(index) for index in range(group.num_columns))
    wanted = frozenset(conformer.file_columns)
    stored = sum(column.total_uncompressed_size for column in columns if _root(column.path_in_schema, wanted) in wanted)
    per_row = max(stored / max(1, group.num_rows), conformer.fixed_bytes, seen_bytes_per_row, 1.0)
    rows = int(max(_MIN_DECODE_ROWS, min(_MAX_DECODE_ROWS, decode_bytes / per_row)))
    return next((rows - rows % step for step in (BATCH_ROWS, CHUNK_ROWS) if rows > step), rows)


def _root(leaf: str, roots: frozenset[str]) -> str:
    """The top-level column of a leaf; a column's own name may have dots."""
    return leaf if leaf in roots else leaf.split(".")[0]
