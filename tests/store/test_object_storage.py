"""Small files on an object store, and what is said where it cannot be reached."""

from __future__ import annotations

import pytest

from replay.errors import OutputConflict, RunFailed
from replay.files.places import open_filesystem
from replay.store import OutputDirectory, needs_spark, open_storage
from replay.store.object_storage import ObjectStorage
from tests.object_store import SECRET, S3Server
from tests.store.test_output import manifest


def test_files_are_written_read_and_deleted(s3: S3Server):
    storage = open_storage(f"{s3.new_bucket()}/deep/out/")
    assert isinstance(storage, ObjectStorage)
    assert storage.path.endswith("/deep/out")
    assert (storage.names(), storage.read("a.json")) == ([], None)
    storage.write("a.json", "{é}")
    storage.write("a.json", "{è}")
    storage.write("table/part", "x")
    assert (storage.names(), storage.read("a.json")) == (["a.json", "table"], "{è}")
    for name in ("a.json", "table", "never there"):
        storage.delete(name)
    assert storage.names() == []


def test_a_file_that_is_begun_is_none(s3: S3Server):
    """As Azure shows one that is being written."""
    storage = open_storage(f"{s3.new_bucket()}/out")
    storage.write("summary.json", "")
    assert storage.read("summary.json") is None


def test_a_run_takes_a_directory_as_on_a_disk(s3: S3Server):
    output = OutputDirectory(open_storage(f"{s3.new_bucket()}/out"))
    output.begin(manifest(), resume=False)
    filesystem, place = open_filesystem(output.digests())
    with filesystem.open_output_stream(f"{place}/0.uint64") as file:
        file.write(b"12345678")
    assert output.previous("c1", overwrite=False) == manifest()
    with pytest.raises(OutputConflict, match="of another config"):
        output.previous("c2", overwrite=False)
    output.drop_digests()
    output.finish(manifest(), "2026-01-01T00:01:00Z", {}, {"summary.json": "{}"})
    storage = open_storage(output.path)
    assert storage.names() == ["manifest.json", "summary.json"]
    output.discard()
    assert storage.names() == []
    storage.write("notes.txt", "mine")
    with pytest.raises(OutputConflict, match="not of a replay run"):
        output.previous("c1", overwrite=True)


def test_what_cannot_be_reached_is_told_in_a_line(s3: S3Server, monkeypatch: pytest.MonkeyPatch):
    url = s3.new_bucket()
    nowhere = open_storage(f"{url}-of-nobody/out")
    with pytest.raises(OutputConflict, match=r"-of-nobody/out cannot be read: there is no such bucket; give"):
        nowhere.names()
    with pytest.raises(RunFailed, match=r"-of-nobody/out/a.json cannot be written: there is no such bucket$"):
        nowhere.write("a.json", "x")
    with s3.checking_keys(), pytest.raises(OutputConflict, match="does not accept the credentials") as error:
        open_storage(f"{url}/out").names()
    assert SECRET not in str(error.value)


def test_spark_is_needed_where_arrow_knows_no_way():
    assert [needs_spark(path) for path in ("/data", "s3://bucket/x", "dbfs:/x")] == [False, False, True]


def test_a_store_that_is_too_busy_is_read_again(s3: S3Server, monkeypatch: pytest.MonkeyPatch):
    """Its refusal is longer than the file, which Arrow takes for a failure of its own."""
    storage = ObjectStorage(f"{s3.new_bucket()}/runs")
    storage.write("a.json", "{}")
    files, asked = storage._files, []

    class Busy:
        def open_input_stream(self, path: str) -> object:
            asked.append(path)
            if len(asked) < 3:
                raise OSError("AWS Error INTERNAL_FAILURE during GetObject operation: Failed to flush response stream")
            return files.open_input_stream(path)

    monkeypatch.setattr(storage, "_files", Busy())
    monkeypatch.setattr("time.sleep", lambda _: None)
    assert storage.read("a.json") == "{}"
    assert len(asked) == 3
