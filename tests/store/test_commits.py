"""Waves are committed once and in order, tables replaced whole, and what nobody committed is cleared away."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pytest
from deltalake import DeltaTable, transaction, write_deltalake

from replay.errors import OutputConflict, RunFailed
from replay.files.reading import entry_names
from replay.store import DataFileWriter, WrittenFile, append_files, commits, live_files, remove_orphans
from replay.store.commits import (
    committing_problem,
    foreign_commits,
    is_whole,
    last_wave,
    replace_rows,
    require_reachable,
)
from tests.object_store import SECRET, S3Server

HTTP = {"AWS_ALLOW_HTTP": "true"}
SCHEMA = pa.schema([("id", pa.int64()), ("at", pa.timestamp("us", tz="UTC")), ("prod", pa.float32())])


def write_rows(path: Path | str, *ids: int) -> WrittenFile:
    file = DataFileWriter(str(path), f"part-{ids[0]:05}", SCHEMA, indexed=2, key_columns=["id"])
    columns = [pa.array(ids), pa.array(ids, SCHEMA.field("at").type), pa.array(ids, pa.float32())]
    file.write(pa.RecordBatch.from_arrays(columns, schema=SCHEMA))
    written = file.close()
    assert written is not None
    return written


def append(path: Path | str, wave: int, *files: WrittenFile, run_id: str = "run") -> None:
    append_files(str(path), SCHEMA, files, run_id, wave, indexed=2)


def ids(path: Path | str) -> list[int]:
    table = DeltaTable(str(path), storage_options=HTTP).to_pyarrow_table()
    found: list[int] = pa.table(table)["id"].to_pylist()
    return sorted(found)


@contextmanager
def answers_lost(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """delta-rs commits, and raises as if it had not: the store's answer did not come."""

    def loses(commit: Callable[..., None]) -> Callable[..., None]:
        def committed(*arguments: object, **named: object) -> None:
            commit(*arguments, **named)
            raise OSError("Generic S3 error: operation timed out")

        return committed

    with monkeypatch.context() as patched:
        patched.setattr(DeltaTable, "create_write_transaction", loses(DeltaTable.create_write_transaction))
        patched.setattr(transaction, "create_table_with_add_actions", loses(transaction.create_table_with_add_actions))
        yield


def log(path: Path, version: int) -> list[dict[str, object]]:
    return [json.loads(line) for line in (path / "_delta_log" / f"{version:020}.json").read_text().splitlines()]


class TestWaves:
    def test_each_commits_once(self, tmp_path: Path):
        path = tmp_path / "scores"
        assert last_wave(str(path), "run") == -1
        append(path, 0, write_rows(path, 1, 2), write_rows(path, 3))
        append(path, 1, write_rows(path, 4))
        append(path, 1, write_rows(path, 4))
        append(path, 0, write_rows(path, 1))
        assert ids(path) == [1, 2, 3, 4]
        assert (last_wave(str(path), "run"), last_wave(str(path), "another")) == (1, -1)
        assert DeltaTable(str(path)).version() == 1

    def test_the_last_one_says_that_the_table_is_whole(self, tmp_path: Path):
        path = tmp_path / "scores"
        assert not is_whole(str(path))
        append(path, 0, write_rows(path, 1))
        assert not is_whole(str(path))
        append_files(str(path), SCHEMA, [], "run", 1, indexed=2, whole=True)
        assert is_whole(str(path))
        assert foreign_commits(str(path), "run") == []
        append_files(str(tmp_path / "one"), SCHEMA, [], "run", 0, indexed=2, whole=True)
        assert is_whole(str(tmp_path / "one"))

    def test_waves_without_rows_count(self, tmp_path: Path):
        path = tmp_path / "scores"
        append(path, 0)
        assert (last_wave(str(path), "run"), ids(path), live_files(str(path))) == (0, [], [])
        append(path, 0)
        append(path, 1)
        append(path, 2, write_rows(path, 5))
        assert (last_wave(str(path), "run"), ids(path)) == (2, [5])

    def test_the_log_has_statistics_transaction_and_run(self, tmp_path: Path):
        path = tmp_path / "scores"
        append(path, 0, write_rows(path, 3, 5))
        actions = {name: action for line in log(path, 0) for name, action in line.items()}
        assert actions["metaData"]["configuration"] == {"delta.dataSkippingNumIndexedCols": "2"}
        assert actions["txn"] == {"appId": "run", "version": 0}
        assert actions["commitInfo"]["userMetadata"] == "run"
        assert json.loads(actions["add"]["stats"]) == {
            "numRecords": 2,
            "minValues": {"id": 3, "at": "1970-01-01T00:00:00.000003Z"},
            "maxValues": {"id": 5, "at": "1970-01-01T00:00:00.000005Z"},
            "nullCount": {"id": 0, "at": 0},
        }

    def test_one_that_is_missing_is_told(self, tmp_path: Path):
        path = tmp_path / "scores"
        with pytest.raises(RunFailed, match=r"holds no wave of this run, expected those up to 0.*--overwrite"):
            append(path, 1, write_rows(path, 1))
        append(path, 0, write_rows(path, 1))
        with pytest.raises(RunFailed, match="holds waves up to 0 of this run, expected those up to 1"):
            append(path, 2)
        assert ids(path) == [1]

    def test_another_writers_commit_is_refused(self, tmp_path: Path):
        path = tmp_path / "scores"
        append(path, 0, write_rows(path, 1))
        with pytest.raises(RunFailed, match=r"commits that are not of this run \(run\)"):
            append(path, 0, run_id="another")
        write_deltalake(path, SCHEMA.empty_table(), mode="append")
        with pytest.raises(RunFailed, match=r"commits that are not of this run \(unnamed\)"):
            append(path, 1)
        assert foreign_commits(str(path), "run") == ["unnamed"]
        assert foreign_commits(str(path), "another") == ["run", "unnamed"]

    @pytest.mark.parametrize("wave", [0, 1])
    def test_a_lost_race_is_told(self, wave: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        """Another process commits between the look at the table and the commit."""
        path = tmp_path / "scores"
        before = []
        if wave == 1:
            append(path, 0)
            before = [DeltaTable(str(path))]
            append(path, 1)
            monkeypatch.setattr("replay.store.commits._last_wave", lambda table, run_id: 0)
            monkeypatch.setattr("replay.store.commits._require_own", lambda *_: None)
        else:
            append(path, 0)
            before = [None]
        monkeypatch.setattr("replay.store.commits._open", lambda _: before[0])
        with pytest.raises(RunFailed, match=f"wave {wave} could not be committed to .*scores"):
            append(path, wave, write_rows(path, 1))
        monkeypatch.undo()
        assert ids(path) == []

    def test_a_commit_whose_answer_is_lost_is_a_commit(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        path = tmp_path / "scores"
        with answers_lost(monkeypatch):
            append(path, 0, write_rows(path, 1))
            append(path, 1, write_rows(path, 2), write_rows(path, 3))
        append(path, 2, write_rows(path, 4))
        assert ids(path) == [1, 2, 3, 4]
        assert DeltaTable(str(path)).version() == 2

    def test_a_file_or_an_empty_directory_is_no_table(self, tmp_path: Path):
        path = tmp_path / "scores"
        path.write_text("keep")
        assert (last_wave(str(path), "run"), foreign_commits(str(path), "run")) == (-1, [])
        path.unlink()
        (path / "_delta_log").mkdir(parents=True)
        assert last_wave(str(path), "run") == -1

    def test_a_damaged_log_is_told(self, tmp_path: Path):
        path = tmp_path / "scores"
        append(path, 0)
        (path / "_delta_log" / f"{0:020}.json").write_text("{")
        with pytest.raises(RunFailed, match=r"the Delta log of .*scores cannot be read"):
            last_wave(str(path), "run")


class TestLiveFiles:
    def test_in_the_order_of_their_names(self, tmp_path: Path):
        path = tmp_path / "scores"
        first, second, third = write_rows(path, 3), write_rows(path, 1, 2), write_rows(path, 2)
        append(path, 0, first, third)
        append(path, 1, second)
        found = live_files(f"file://{path}")
        assert [(file.path, file.size, file.num_rows) for file in found] == [
            (file.path, (path / file.path).stat().st_size, file.num_rows) for file in (second, third, first)
        ]

    def test_of_no_table(self, tmp_path: Path):
        with pytest.raises(RunFailed, match="no Delta table"):
            live_files(str(tmp_path / "scores"))


class TestReplaced:
    def test_whole(self, tmp_path: Path):
        path = tmp_path / "metrics"
        for rows in (pa.table({"id": [1, 2]}), pa.table({"id": [3]}), pa.table({"id": pa.array([], pa.int64())})):
            replace_rows(rows, str(path), "run")
            assert ids(path) == rows["id"].to_pylist()
        assert DeltaTable(str(path), version=1).to_pyarrow_table()["id"].to_pylist() == [3]
        assert {commit["userMetadata"] for commit in DeltaTable(str(path)).history()} == {"run"}

    def test_with_another_schema(self, tmp_path: Path):
        path = tmp_path / "metrics"
        replace_rows(pa.table({"id": [1]}), str(path), "run")
        table_id = DeltaTable(str(path)).metadata().id
        replace_rows(pa.table({"id": [2]}), str(path), "run")
        assert DeltaTable(str(path)).metadata().id == table_id
        replace_rows(pa.table({"name": ["a"], "at": pa.array([0], pa.timestamp("us"))}), str(path), "run")
        assert DeltaTable(str(path)).to_pyarrow_table().column_names == ["name", "at"]

    def test_every_value_can_be_null_as_in_a_table_of_sparks(self, tmp_path: Path):
        inner = pa.struct([pa.field("x", pa.int32(), nullable=False)])
        schema = pa.schema(
            [
                pa.field("a", pa.string(), nullable=False),
                pa.field("l", pa.list_(pa.field("item", pa.string(), nullable=False)), nullable=False),
                pa.field("m", pa.map_(pa.string(), inner), nullable=False),
            ]
        )
        rows = pa.Table.from_pylist([{"a": "x", "l": ["y"], "m": [("k", {"x": 1})]}], schema)
        replace_rows(rows, str(tmp_path / "diffs"), "run")
        (written,) = live_files(str(tmp_path / "diffs"))
        table = DeltaTable(str(tmp_path / "diffs"))
        fields = json.loads(table.schema().to_json())["fields"]
        assert [field["nullable"] for field in fields] == [True, True, True]
        assert fields[1]["type"]["containsNull"]
        assert fields[2]["type"]["valueType"]["fields"][0]["nullable"]
        assert table.to_pyarrow_table().to_pylist() == rows.to_pylist()
        assert written.num_rows == 1

    def test_also_where_the_answer_is_lost(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        path = tmp_path / "metrics"
        with answers_lost(monkeypatch):
            for value in (1, 2):
                replace_rows(pa.table({"value": [value]}), str(path), "run")
        assert pa.table(DeltaTable(str(path)).to_pyarrow_table())["value"].to_pylist() == [2]
        assert DeltaTable(str(path)).version() == 1


class TestOrphans:
    def test_what_a_killed_task_left_goes_and_all_else_stays(self, tmp_path: Path):
        path = tmp_path / "scores"
        append(path, 0, write_rows(path, 1))
        orphan = write_rows(path, 1)
        killed = DataFileWriter(str(path), "part-00009", SCHEMA, indexed=2)
        killed.write(pa.RecordBatch.from_pylist([{"id": 1, "at": 1, "prod": 1.0}] * 140_000, SCHEMA))
        (unfinished,) = (file.name for file in path.glob(".part-*"))
        strangers = ["notes.txt", "mine.parquet", f"{uuid4()}.parquet", ".hidden"]
        for name in strangers:
            (path / name).write_text("mine")
        (path / "folder").mkdir()
        (path / "folder" / orphan.path).write_text("mine")
        kept = {file.path for file in live_files(str(path))} | {*strangers, "folder", "_delta_log"}
        assert remove_orphans(str(path), "run") == sorted([orphan.path, unfinished])
        assert {file.name for file in path.iterdir()} == kept
        assert (path / "folder" / orphan.path).exists()
        assert ids(path) == [1]

    def test_files_of_earlier_versions_stay(self, tmp_path: Path):
        path = tmp_path / "metrics"
        for number in (1, 2, 3):
            replace_rows(pa.table({"id": [number]}), str(path), "run")
        append_files(str(path), pa.schema([("id", pa.int64())]), [], "run", 0, indexed=1)
        assert remove_orphans(str(path), "run") == []
        assert DeltaTable(str(path), version=0).to_pyarrow_table()["id"].to_pylist() == [1]

    def test_nothing_goes_where_another_wrote_or_there_is_no_table(self, tmp_path: Path):
        path = tmp_path / "scores"
        orphan = write_rows(path, 1)
        assert remove_orphans(str(path), "run") == []
        assert remove_orphans(str(tmp_path / "nothing"), "run") == []
        append(path, 0, run_id="another")
        assert remove_orphans(str(path), "run") == []
        assert (path / orphan.path).exists()


@pytest.mark.parametrize("name", ["plain", "a b", "é", "s3:", "a&b=c;d", "[x]"])
def test_paths_that_can_be_committed_to(name: str, tmp_path: Path):
    path = tmp_path / name
    assert committing_problem(str(path)) is None
    append(path, 0, write_rows(path, 1))
    append(path, 1, write_rows(path, 2))
    assert (ids(path), foreign_commits(str(path), "run")) == ([1, 2], [])


class TestOnAnObjectStore:
    """As on a disk: on a server that speaks S3, whose conditional put lets one of two commits win."""

    def test_waves_are_committed_once_and_orphans_go(self, s3: S3Server):
        path = f"{s3.new_bucket()}/a b/scores".replace("s3:", "s3a:")
        assert (last_wave(path, "run"), foreign_commits(path, "run")) == (-1, [])
        append(path, 0, write_rows(path, 1, 2), write_rows(path, 3))
        append(path, 1, write_rows(path, 4))
        append(path, 1, write_rows(path, 4))
        assert (last_wave(path, "run"), foreign_commits(path, "other")) == (1, ["run"])
        assert [file.num_rows for file in live_files(path)] == [2, 1, 1]
        committed = {file.path for file in live_files(path)}
        left = {name for name in entry_names(path) if name.endswith(".parquet")} - committed
        assert len(left) == 1
        assert remove_orphans(path, "other") == []
        assert remove_orphans(path, "run") == [*left]
        assert {name for name in entry_names(path) if name.endswith(".parquet")} == committed
        assert ids(path) == [1, 2, 3, 4]

    def test_tables_are_replaced_whole(self, s3: S3Server):
        path = f"{s3.new_bucket()}/metrics"
        for rows in (pa.table({"id": [1, 2]}), pa.table({"id": [3]}), pa.table({"name": ["a"]})):
            replace_rows(rows, path, "run")
            assert DeltaTable(path, storage_options=HTTP).to_pyarrow_table().to_pylist() == rows.to_pylist()
        assert remove_orphans(path, "run") == []

    def test_of_two_writers_one_wins(self, s3: S3Server, monkeypatch: pytest.MonkeyPatch):
        """Both look at the table before either commits."""
        path = f"{s3.new_bucket()}/scores"
        append(path, 0, write_rows(path, 1))
        before = [DeltaTable(path, storage_options=HTTP) for _ in range(2)]
        with monkeypatch.context() as patched:
            newest = commits._open
            patched.setattr(commits, "_open", lambda path: before.pop() if before else newest(path))
            append(path, 1, write_rows(path, 2))
            with pytest.raises(RunFailed, match=r"wave 1 could not be committed to s3://.*something else wrote"):
                append(path, 1, write_rows(path, 3))
        assert ids(path) == [1, 2]

    def test_a_table_is_made_by_one_of_two(self, s3: S3Server, monkeypatch: pytest.MonkeyPatch):
        path = f"{s3.new_bucket()}/scores"
        append(path, 0, write_rows(path, 1))
        with monkeypatch.context() as patched:
            patched.setattr("replay.store.commits._open", lambda _: None)
            with pytest.raises(RunFailed, match="wave 0 could not be committed"):
                append(path, 0, write_rows(path, 2), run_id="another")
        assert ids(path) == [1]

    def test_what_cannot_be_reached_is_told_in_a_line(self, s3: S3Server):
        path = f"{s3.new_bucket()}-of-nobody/scores"
        with pytest.raises(RunFailed, match=r"-of-nobody/scores cannot be reached: there is no such bucket$"):
            last_wave(path, "run")
        with pytest.raises(OutputConflict, match="no such bucket"):
            require_reachable(path)
        with s3.checking_keys(), pytest.raises(RunFailed, match="does not accept the credentials") as error:
            last_wave(path, "run")
        assert SECRET not in str(error.value)


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/data/out", None),
        ("file:///data/a%20b", None),
        ("/data/a#b", "% #"),
        ("/data/a?b", "% #"),
        ("/data/a%20b", "% #"),
        ("/data/a\\b", "% #"),
        ("/data/a\nb", "% #"),
        ("s3://bucket/out", None),
        ("s3a://bucket/a b", None),
        ("s3://bucket/a%20b", "% #"),
        ("gs://bucket/out", None),
        ("abfss://container@account.dfs.core.windows.net/out", None),
        ("hdfs://host/out", "does not commit to hdfs://"),
        ("mock:///out", "does not commit to mock://"),
    ],
)
def test_where_files_can_be_committed(path: str, problem: str | None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    found = committing_problem(path)
    assert (found is None) if problem is None else (problem in str(found))
