"""Odd, broken and lying tables of Delta: the right values, or a refusal."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake

from tests.hostile.tables import THREE, OddTable, X, beside, rows


def delta(*commits: pa.Table, **options: Any) -> Callable[[Path], object]:
    """A Delta table of so many commits."""

    def make(folder: Path) -> None:
        for table in commits:
            write_deltalake(str(folder / "t"), table, mode="append", **options)

    return make


def logged(
    make: Callable[[Path], object], change: Callable[[list[dict[str, Any]]], object], version: int = 0
) -> Callable[[Path], object]:
    """The same, with other actions in a commit of its log."""

    def changed(folder: Path) -> None:
        make(folder)
        file = folder / "t" / "_delta_log" / f"{version:020}.json"
        actions = [json.loads(line) for line in file.read_text().splitlines()]
        change(actions)
        file.write_text("".join(f"{json.dumps(action)}\n" for action in actions))

    return changed


def action(actions: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """The action of a kind."""
    return next(each[kind] for each in actions if kind in each)


def elsewhere(path: Callable[[Path], str]) -> Callable[[Path], object]:
    """A Delta table whose file lies beside it, and is named so."""

    def make(folder: Path) -> None:
        delta(THREE)(folder)
        pq.write_table(THREE, folder / "other.parquet")
        named = path(folder)
        size = (folder / "other.parquet").stat().st_size
        logged(lambda _: None, lambda actions: action(actions, "add").update(path=named, size=size))(folder)

    return make


def log_is(content: bytes, name: str = f"{1:020}.json") -> Callable[[Path], object]:
    """A file more in the log."""
    return lambda table: (table / "_delta_log" / name).write_bytes(content)


def schema_is(text: str) -> Callable[[Path], object]:
    """A table whose log gives its schema so."""
    return logged(delta(THREE), lambda actions: action(actions, "metaData").update(schemaString=text))


def schema(*columns: str) -> str:
    """Of ids, scores and columns of doubles, as a log has it."""
    types = {"id": "long", "score": "double", **dict.fromkeys(columns, "double")}
    fields = [{"name": name, "type": each, "nullable": True, "metadata": {}} for name, each in types.items()]
    return json.dumps({"type": "struct", "fields": fields})


def without(make: Callable[[Path], object], *versions: int) -> Callable[[Path], object]:
    """The same, without some commits of its log."""

    def removed(folder: Path) -> None:
        make(folder)
        for version in versions:
            (folder / "t" / "_delta_log" / f"{version:020}.json").unlink()

    return removed


def checkpointed(make: Callable[[Path], object]) -> Callable[[Path], object]:
    """The same, with a checkpoint of its last version."""

    def checkpoint(folder: Path) -> None:
        make(folder)
        DeltaTable(str(folder / "t")).create_checkpoint()

    return checkpoint


def protocol_is(**protocol: Any) -> Callable[[Path], object]:
    """A table whose log asks this of its readers."""
    return logged(delta(THREE), lambda actions: action(actions, "protocol").update(protocol))


def partitioned(value: str | None) -> Callable[[Path], object]:
    """A table of one partition, of an integer that the log has as this text."""

    def change(actions: list[dict[str, Any]]) -> None:
        metadata = action(actions, "metaData")
        day = {"name": "day", "type": "integer", "nullable": True, "metadata": {}}
        described = json.loads(metadata["schemaString"])
        metadata["schemaString"] = json.dumps({**described, "fields": [*described["fields"], day]})
        metadata["partitionColumns"] = ["day"]
        action(actions, "add")["partitionValues"] = {"day": value}

    return logged(delta(THREE), change)


def second_kind(folder: Path) -> None:
    """A table of which a checkpoint as JSON is left alone, with a name that nobody can guess (``v2Checkpoint``)."""
    features = {"readerFeatures": ["v2Checkpoint"], "writerFeatures": ["v2Checkpoint"]}
    protocol_is(minReaderVersion=3, minWriterVersion=7, **features)(folder)
    log = folder / "t" / "_delta_log"
    commit = log / f"{0:020}.json"
    kept = [line for line in commit.read_text().splitlines() if "commitInfo" not in line]
    file = log / f"{0:020}.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json"
    file.write_text("\n".join([json.dumps({"checkpointMetadata": {"version": 0}}), *kept]) + "\n")
    size = file.stat().st_size
    named = {"path": file.name, "sizeInBytes": size, "modificationTime": 1, "nonFileActions": [], "sidecarFiles": []}
    (log / "_last_checkpoint").write_text(json.dumps({"version": 0, "size": len(kept) + 1, "v2Checkpoint": named}))
    commit.unlink()


DELTA_TABLES = (
    OddTable("a path that leads up", elsewhere(lambda folder: "../other.parquet"), X),
    OddTable("an absolute path", elsewhere(lambda folder: f"file://{folder}/other.parquet"), X),
    OddTable("a path that is not there", elsewhere(lambda folder: "gone.parquet"), refused="gone.parquet"),
    OddTable(
        "a path that is a pipe",
        beside(elsewhere(lambda folder: "pipe.parquet"), lambda table: os.mkfifo(table / "pipe.parquet")),
        refused="pipe.parquet",
    ),
    OddTable("an empty commit", beside(delta(THREE), log_is(b"")), X),
    OddTable(
        "a commit that is a pipe",
        beside(delta(THREE), lambda table: os.mkfifo(table / "_delta_log" / f"{1:020}.json")),
        refused="log",
    ),
    OddTable("a commit of an action of its own", beside(delta(THREE), log_is(b'{"evil": {"path": "x"}}\n')), X),
    OddTable(
        "a schema 2,000 deep",
        schema_is('{"type":"array","elementType":' * 2000 + '"int"' + ',"containsNull":true}' * 2000),
        refused="schema",
    ),
    OddTable(
        "statistics that lie",
        logged(delta(THREE), lambda actions: action(actions, "add").update(stats='{"numRecords":5000000}')),
        X,
    ),
    OddTable("statistics of noise", logged(delta(THREE), lambda actions: action(actions, "add").update(stats="{")), X),
    OddTable(
        "a size that lies",
        logged(delta(THREE), lambda actions: action(actions, "add").update(size=1 << 40)),
        refused="parquet",
    ),
    OddTable(
        "a file that is added twice",
        logged(
            delta(THREE), lambda actions: actions.append({"add": {**action(actions, "add"), "modificationTime": 5}})
        ),
        X,
    ),
    OddTable(
        "a last checkpoint that lies",
        beside(delta(THREE), log_is(b'{"version": 99, "size": 1}', "_last_checkpoint")),
        X,
    ),
    OddTable("a last checkpoint of noise", beside(delta(THREE), log_is(b"\xff", "_last_checkpoint")), X),
    OddTable("a checkpoint of noise", beside(delta(THREE), log_is(b"PAR1", f"{0:020}.checkpoint.parquet")), X),
    OddTable(
        "a commit that is gone, after a checkpoint",
        without(checkpointed(delta(THREE, rows([4.0], start=3))), 0, 1),
        [*X, 4.0],
    ),
    OddTable("a checkpoint of the second kind", second_kind, X),
    OddTable("two names that differ in case, in a log", schema_is(schema("x", "X")), X),
    OddTable("a partition", partitioned("7"), [7, 7, 7], column="day"),
    OddTable("a partition of null", partitioned(None), [None, None, None], column="day"),
)
SPARK_TABLES = (
    OddTable("a commit that is gone", without(delta(THREE, THREE, THREE), 1), refused="not contiguous"),
    OddTable(
        "the first commit is gone", without(delta(THREE, THREE), 0), refused="the transaction log has been truncated"
    ),
    OddTable(
        "a protocol of the future",
        protocol_is(minReaderVersion=99),
        refused="Mismatched minReaderVersion and readerFeatures",
    ),
    OddTable(
        "a feature of the future",
        protocol_is(minReaderVersion=3, minWriterVersion=7, readerFeatures=["magic"], writerFeatures=["magic"]),
        refused="magic",
    ),
    OddTable(
        "no schema",
        logged(delta(THREE), lambda actions: actions.remove({"metaData": action(actions, "metaData")})),
        refused="metadata",
    ),
)
"""Those that Spark is asked about, as delta-rs does not open them."""
