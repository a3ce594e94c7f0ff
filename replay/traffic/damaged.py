"""Data files of the pinned table that cannot be read: found before anything is scored, left out of all that follows.

A file's footer may be whole and a page in its middle not, which shows only where that page is decoded. So where files
may be left out, tasks read all that a run will read once before; whatever reads the table later skips the same files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from replay.errors import TrafficError
from replay.files.reading import open_input
from replay.spark.errors import traffic_errors
from replay.spark.sql import quoted
from replay.traffic.paths import column_root
from replay.traffic.read.columns import traffic_window
from replay.traffic.read.direct import Piece, ReadPlan, Split, decode_piece, decoding_reason, read_split
from replay.traffic.read.scan import files_in_window, scan_dataframe
from replay.traffic.read.selecting.skipping import skipping
from replay.traffic.read.splits import make_splits, reached_files
from replay.traffic.read.tasks import ask_splits
from replay.traffic.selection import named_columns
from replay.traffic.table.data_files import counted, refuse_all, refuse_more, unreadable_now
from replay.traffic.table.set_aside import with_footers

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from replay.traffic.table.pinned import PinnedTraffic

_FETCHED_BYTES = 1 << 20


def leave_out_unreadable(
    spark: SparkSession,
    traffic: PinnedTraffic,
    columns: Sequence[str],
    most: int,
    *,
    everywhere: bool = False,
) -> PinnedTraffic:
    """Leave out the files that cannot be read of those that may have selected rows.

    Any damage to what is read of a file leaves out all of it: which of its rows are sound is not asked. Damage in
    columns, row groups and files that are not read is no damage.

    Args:
        spark: The session.
        traffic: The table, opened ``lenient``.
        columns: Top-level columns, or paths, that are read.
        most: Rows that may be left out.
        everywhere: Rows outside of the selection are read as well.

    Returns:
        The table without them; they are its ``unreadable``. A table that only Spark reads is as it was.

    Raises:
        TrafficError: They count for more rows than may be left out, no file is left, a file cannot be had at
            all, or one cannot be read of a table that only Spark reads.
    """
    if traffic.direct_obstacle is not None:
        _read_by_spark(spark, traffic, columns)
        return traffic
    window = None if everywhere else traffic_window(traffic)
    skip = None if everywhere else skipping(traffic)
    asked = traffic.files if everywhere else files_in_window(spark, traffic)
    reached = [file for file, _ in reached_files(asked, window, skip)]
    opened = reached_files([each.file for each in traffic.unreadable], window, skip)
    relevant = {file.path for file, _ in opened}
    unreadable = [each for each in traffic.unreadable if each.file.path in relevant]
    refuse_more(unreadable, most)
    readable, broken = with_footers(reached, lenient=True)
    sound = [file for file, _ in readable]
    damage = _damage(spark, make_splits(sound, window, None, skip), _plan(traffic, columns))
    unreadable += [*broken, *(unreadable_now(file, damage[file.path]) for file in sound if file.path in damage)]
    refuse_all(unreadable, [*reached, *(file for file, _ in opened)])
    gone = {each.file.path for each in unreadable}
    files = tuple(file for file in traffic.files if file.path not in gone)
    listed = counted(unreadable, files)
    refuse_more(listed, most)
    counts = [file.num_rows for file in files]
    known = [count for count in counts if count is not None]
    num_rows = sum(known) if len(known) == len(counts) else None
    return replace(traffic, files=files, num_rows=num_rows, unreadable=listed)


def _plan(traffic: PinnedTraffic, columns: Sequence[str]) -> ReadPlan:
    """How tasks read what lies in the files of some columns, and of those that the selection reads, in every row."""
    roots = {column_root(traffic.schema, name) for name in columns} | named_columns(traffic.schema, traffic.config)
    needed = traffic.needed_for([name for name in traffic.schema.names if name in roots])
    return ReadPlan(pa.schema([traffic.logged_schema.field(name) for name in needed.logged]), None)


def _damage(spark: SparkSession, splits: Sequence[Split], plan: ReadPlan) -> dict[str, str]:
    """What is wrong with each file that is damaged, by its path."""
    found: dict[str, str] = {}
    for answer in ask_splits(spark, splits, plan, find_damage):
        for path, reason in answer.items():
            found.setdefault(path, reason)
    return found


def find_damage(split: Split, plan: ReadPlan) -> dict[str, str]:
    """Read a split to its end, and say which of its files are damaged there, and how.

    Raises:
        TrafficError: A file is gone or has changed, or its bytes cannot be had.
    """
    found: dict[str, str] = {}
    for piece in split.pieces:
        if piece.path in found or _problem(piece, plan) is None:
            continue
        if not _can_be_had(piece):
            for _ in read_split(Split((piece,), piece.num_rows), plan):
                pass  # which says why
        elif (reason := _problem(piece, plan)) is not None:
            found[piece.path] = reason
    return found


def _problem(piece: Piece, plan: ReadPlan) -> str | None:
    """Why a piece cannot be decoded, or None where it can."""
    try:
        for _ in decode_piece(piece, plan):
            pass
    except (pa.ArrowException, OSError) as error:
        return decoding_reason(piece, error)
    return None


def _can_be_had(piece: Piece) -> bool:
    """Whether a file's bytes can be read, whatever they are: a store that does not answer says nothing of a file."""
    try:
        with open_input(piece.path) as source:
            while source.read(_FETCHED_BYTES):
                pass
    except OSError:
        return False
    return True


def _read_by_spark(spark: SparkSession, traffic: PinnedTraffic, columns: Sequence[str]) -> None:
    """Read what only Spark reads: it can drop what it cannot read, but tells nobody how many rows that were.

    Raises:
        TrafficError: Something cannot be read.
    """
    from pyspark.sql import functions as F

    try:
        with traffic_errors(traffic.location):
            rows = scan_dataframe(spark, traffic, columns)
            rows.agg(*(F.count(quoted(name)).alias(f"c{place}") for place, name in enumerate(rows.columns))).collect()
    except TrafficError as error:
        raise TrafficError(
            f"{error}\n  `engine.max_bad_rows` leaves out files only where tasks read them: {traffic.direct_obstacle}"
        ) from error
