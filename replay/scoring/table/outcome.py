"""From one task's scores to its file of the scores table, and what the driver has to know of it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq

from replay.errors import RunFailed
from replay.files.reading import open_input
from replay.files.reasons import plain_reason
from replay.scoring.copies.dropped import DroppedRows
from replay.scoring.table.tally import Tallied, Tally, TallyPlan
from replay.store import DataFileWriter, LiveFile, WrittenFile
from replay.traffic import KeyFingerprint
from replay.traffic.key_digests import NO_KEYS, write_digests


@dataclass(frozen=True)
class FilePlan:
    """Where tasks write, and what they count. Picklable.

    Attributes:
        table: Directory of the scores table.
        digests: Directory of the digests of keys.
        schema: Of the scores.
        indexed: Columns, from the first, of which the table keeps the range in each file. Nobody looks scores up by
            theirs.
        tally: What is counted.
        dropped: Rows that are left out as copies of others, or None.
    """

    table: str
    digests: str
    schema: pa.Schema
    indexed: int
    tally: TallyPlan
    dropped: DroppedRows | None = None

    def kept(self, number: int, rows: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        """The rows of a split that are scored."""
        return rows if self.dropped is None else self.dropped.without(number, rows)


@dataclass(frozen=True)
class Outcome:
    """What a task did. Small: no row of the table is in it, but for the worst.

    Attributes:
        written: What it wrote; None where it had no row, or counted a file that is committed.
        live: The same file, or that one, as the table has it.
        tallied: What it counted.
        digests: File of its keys' digests.
        dropped: Keys of the rows that it left out, as an earlier attempt at the run has committed them.
        totals: Seconds by stage, and counts of rows by what happened to them under a scenario.
    """

    written: WrittenFile | None
    live: LiveFile | None
    tallied: Tallied
    digests: str
    dropped: KeyFingerprint = NO_KEYS
    totals: dict[str, float] = field(default_factory=dict)


def write_outcome(plan: FilePlan, number: int, scores: Iterable[pa.RecordBatch], totals: dict[str, float]) -> Outcome:
    """Write the scores of a task to a file of its own.

    Each attempt at a task writes files of other names: of those that Spark does not take the answer of, nobody hears.

    Args:
        plan: Where to, and what to count.
        number: Of the task, in the order of the table's rows.
        scores: Batches of the plan's schema.
        totals: What the task measured, once the batches have been taken.
    """
    tally = Tally(plan.tally)
    writer = DataFileWriter(plan.table, f"part-{number:06}", plan.schema, plan.indexed, plan.tally.key)
    try:
        for batch in scores:
            tally.update(batch)
            writer.write(batch)
        file = writer.close()
        found = _finish(plan, number, tally)
    except OSError as error:  # whatever reads the traffic raises errors of its own
        writer.abort()
        raise RunFailed(f"{plan.table} cannot be written: {plain_reason(plan.table, error)}") from error
    except BaseException:
        writer.abort()
        raise
    live = None if file is None else LiveFile(file.path, file.size, file.num_rows)
    return Outcome(file, live, *found, totals=totals)


def recount(plan: FilePlan, number: int, file: LiveFile) -> Outcome:
    """Count the rows of a file that an earlier attempt at the run wrote, as the task did that wrote it."""
    tally = Tally(plan.tally)
    with open_input(f"{plan.table}/{file.path}") as source:
        for batch in pq.ParquetFile(source).iter_batches(columns=list(plan.tally.columns), use_threads=False):
            tally.update(batch)
    return Outcome(None, file, *_finish(plan, number, tally))


def _finish(plan: FilePlan, number: int, tally: Tally) -> tuple[Tallied, str]:
    tallied, digests = tally.finish()
    path = f"{plan.digests}/{number:06}-{uuid.uuid4().hex}.uint64"
    write_digests(path, digests)
    return tallied, path
