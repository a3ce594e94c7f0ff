"""Delta tables whose files this process and its tasks write: what is committed to them, without Spark.

delta-rs writes the log. It is imported where it is needed: few commands commit anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
from pyarrow import fs

from replay.errors import OutputConflict, RunFailed
from replay.files.places import COMMITTED, delta_location, local_path, open_filesystem, opening_problem, scheme_of
from replay.files.reading import is_directory
from replay.files.reasons import plain_reason
from replay.store.committing import AFRESH, commit_surely
from replay.store.data_file import UNFINISHED, DataFileWriter, WrittenFile
from replay.store.delta_types import delta_schema, nullable_schema

if TYPE_CHECKING:
    from deltalake import CommitProperties, DeltaTable
    from deltalake.transaction import AddAction

_INDEXED = "delta.dataSkippingNumIndexedCols"
_WHOLE, _YES = "replay.whole", "true"
_UNREACHABLE = re.compile(r"[%#?\\\x00-\x1f\x7f]")
"""In paths: delta-rs 1.6 reads the log of a table at ``a%20b`` in ``a b``, and of one at ``a#b`` in ``a``."""
_OURS = re.compile(rf"part-\d{{5,}}-[0-9a-f-]{{36}}\S*\.parquet|\.part-\d{{5,}}-[0-9a-f-]{{36}}\S*{UNFINISHED}")


class LiveFile(NamedTuple):
    """A file that holds rows of a table's newest version.

    Attributes:
        path: Relative to the table's directory.
        size: Bytes.
        num_rows: Rows.
    """

    path: str
    size: int
    num_rows: int


def committing_problem(path: str) -> str | None:
    """Why this process cannot commit files to a table at a path; None where it can, by all that the path tells."""
    if _UNREACHABLE.search(local_path(path) or path) is not None:
        return "delta-rs takes another path for one with any of % # ? \\ in it"
    if local_path(path) is None and scheme_of(path) not in COMMITTED:
        return f"delta-rs does not commit to {scheme_of(path)}://"
    return opening_problem(path)


def require_reachable(path: str) -> None:
    """Refuse a table that delta-rs cannot open, whether there is one or not.

    Raises:
        OutputConflict: With the reason.
    """
    try:
        _open(path)
    except RunFailed as error:
        raise OutputConflict(str(error)) from error


def append_files(
    path: str,
    schema: pa.Schema,
    files: Iterable[WrittenFile],
    run_id: str,
    wave: int,
    indexed: int,
    *,
    whole: bool = False,
) -> None:
    """Commit one wave of files, once: a repeat of a committed wave changes nothing.

    Args:
        path: Of the table; the first wave makes it, also one without a file.
        schema: Of the rows.
        files: What the wave's tasks wrote into the table's directory.
        run_id: Whose commit it is.
        wave: Number of the wave, from 0. Waves are committed in order.
        indexed: Columns, from the first, of which the log has the range in each file.
        whole: With this wave the table is complete, which the log is told: see :func:`is_whole`.

    Raises:
        RunFailed: Something else wrote to the table, or it cannot be written.
    """
    from deltalake.transaction import create_table_with_add_actions

    table = _open(path)
    adds = _adds(files)
    commit = _commit(run_id, wave, whole=whole)
    if table is None:
        _require_next(path, -1, wave)
        location, options = delta_location(path)
        make = partial(
            create_table_with_add_actions,
            location,
            delta_schema(schema),
            adds,
            configuration={_INDEXED: str(indexed)},
            storage_options=options,
            commit_properties=commit,
        )
        commit_surely(path, f"wave {wave}", make, lambda: _arrived(path, adds))
        return
    last = _last_wave(table, run_id)
    if wave <= last:
        return
    _require_own(path, table, run_id)
    _require_next(path, last, wave)
    add = partial(table.create_write_transaction, [*adds], "append", delta_schema(schema), commit_properties=commit)
    commit_surely(path, f"wave {wave}", add, lambda: _arrived(path, adds))


def last_wave(path: str, run_id: str) -> int:
    """Number of the last wave that a run has committed to a table, or -1."""
    table = _open(path)
    return -1 if table is None else _last_wave(table, run_id)


def is_whole(path: str) -> bool:
    """Whether the newest commit to a table said that the table is complete; not where there is none."""
    table = _open(path)
    return table is not None and table.history(1)[0].get(_WHOLE) == _YES


def foreign_commits(path: str, run_id: str) -> list[str]:
    """Run ids, other than the given one, that have written to a table; anything here means two runs were mixed."""
    table = _open(path)
    found = {commit.get("userMetadata") for commit in table.history()} if table is not None else set()
    return sorted(each or "unnamed" for each in found if each != run_id)


def live_files(path: str) -> list[LiveFile]:
    """The files that a table consists of now, in the order of their names.

    Raises:
        RunFailed: There is no table.
    """
    table = _open(path)
    if table is None:
        raise RunFailed(f"there is no Delta table at {path}: has the run that writes it finished?")
    files = pa.table(table.get_add_actions())
    columns = (files.column(name).to_pylist() for name in ("path", "size_bytes", "num_records"))
    return sorted(LiveFile(*file) for file in zip(*columns, strict=True))


def replace_rows(table: pa.Table, path: str, run_id: str) -> None:
    """Write a table whole, in one commit that replaces what was there, also by no rows.

    Args:
        table: All rows, in types that Delta has. As in Spark's tables, every column and value can be null.
        path: Of the table.
        run_id: Whose commit it is.

    Raises:
        RunFailed: Something else wrote to the table meanwhile, or it cannot be written.
    """
    from deltalake.transaction import create_table_with_add_actions

    rows = table.cast(nullable_schema(table.schema))
    writer = DataFileWriter(path, "part-00000", rows.schema, indexed=len(rows.schema))
    try:
        for batch in rows.to_batches():
            writer.write(batch)
        file = writer.close()
    except OSError as error:
        raise RunFailed(f"{path} cannot be written: {plain_reason(path, error)}") from error
    adds = _adds([] if file is None else [file])
    schema, before = delta_schema(rows.schema), _open(path)
    if before is not None and before.schema() == schema:
        write = partial(
            before.create_write_transaction, [*adds], "overwrite", schema, commit_properties=_commit(run_id)
        )
    else:
        location, options = delta_location(path)
        write = partial(
            create_table_with_add_actions,
            location,
            schema,
            adds,
            mode="overwrite",
            storage_options=options,
            commit_properties=_commit(run_id),
        )
    commit_surely(path, "its rows", write, lambda: _arrived(path, adds))


def remove_orphans(path: str, run_id: str) -> list[str]:
    """Delete what tasks that were killed left in a table's directory: files that no version of it has.

    Args:
        path: Of the table. Where there is none, or another run has written to it, nothing is deleted.
        run_id: Whose table it is.

    Returns:
        Names of what was deleted.
    """
    table = _open(path)
    if table is None or foreign_commits(path, run_id):
        return []
    with _reaching(path):
        strays = table.vacuum(0, dry_run=True, enforce_retention_duration=False, full=True, keep_versions=_kept(table))
        filesystem, directory = open_filesystem(path)
        names = [info.base_name for info in filesystem.get_file_info(fs.FileSelector(directory)) if info.is_file]
        # What is hidden, vacuuming passes over.
        ours = [name for name in names if _OURS.fullmatch(name) and (name.startswith(".") or name in strays)]
        for name in ours:
            filesystem.delete_file(f"{directory}/{name}")
    return sorted(ours)


def _open(path: str) -> DeltaTable | None:
    """The newest version of the table at a path, or None where there is none."""
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    if local_path(path) is not None and not is_directory(path):
        return None  # of a file in its place, delta-rs has no word
    try:
        with _reaching(path):
            location, options = delta_location(path)
            return DeltaTable(location, storage_options=options)
    except TableNotFoundError:
        return None
    except DeltaError as error:
        raise RunFailed(f"the Delta log of {path} cannot be read ({plain_reason(path, error)}): {AFRESH}") from error


@contextmanager
def _reaching(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunFailed(f"{path} cannot be reached: {plain_reason(path, error)}") from error


def _last_wave(table: DeltaTable, run_id: str) -> int:
    version = table.transaction_version(run_id)
    return -1 if version is None else version


def _require_own(path: str, table: DeltaTable, run_id: str) -> None:
    """Refuse to go on from another's commit: each wave looks at the one before it, so none is passed over."""
    newest = table.history(1)[0]  # and what was committed since it was opened
    found = newest.get("userMetadata")
    if found != run_id:
        raise RunFailed(
            f"{path} also holds commits that are not of this run ({found or 'unnamed'}): something else wrote to the "
            f"output; {AFRESH}"
        )


def _require_next(path: str, last: int, wave: int) -> None:
    if wave != last + 1:
        held = "no wave" if last < 0 else f"waves up to {last}"
        raise RunFailed(
            f"{path} holds {held} of this run, expected those up to {wave - 1}: something else changed the output "
            f"while the run wrote it; {AFRESH}"
        )


def _kept(table: DeltaTable) -> list[int]:
    """Versions that together have every file of any: the newest, and each before a commit that did more than add."""
    more = (each["version"] for each in table.history() if each.get("operationParameters", {}).get("mode") != "Append")
    return sorted({table.version(), *(version - 1 for version in more if version > 0)})


def _commit(run_id: str, wave: int | None = None, *, whole: bool = False) -> CommitProperties:
    """How a run commits; not again where another's commit came between, which delta-rs would do by itself."""
    from deltalake import CommitProperties, Transaction

    transactions = None if wave is None else [Transaction(run_id, wave)]
    said = {"userMetadata": run_id, **({_WHOLE: _YES} if whole else {})}
    return CommitProperties(said, max_commit_retries=0, app_transactions=transactions)


def _arrived(path: str, adds: Sequence[AddAction]) -> bool:
    """Whether a table has all of some files, which are this process's own."""
    return bool(adds) and {each.path for each in adds} <= {file.path for file in live_files(path)}


def _adds(files: Iterable[WrittenFile]) -> list[AddAction]:
    from deltalake.transaction import AddAction

    return [AddAction(file.path, file.size, {}, file.modified, data_change=True, stats=file.stats) for file in files]
