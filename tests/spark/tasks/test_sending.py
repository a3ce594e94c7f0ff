"""Files that the executors are sent."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyspark.sql import SparkSession

from replay.errors import UsageError
from replay.files.copies import Content
from replay.spark.tasks import sending
from replay.spark.tasks.run import run_tasks
from replay.spark.tasks.sending import SentFiles, SentPart, same_machine, send_files
from tests.stub_session import StubSession


class Written:
    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes, /) -> int:
        self.data += data
        return len(data)


def content(data: bytes) -> Content:
    return Content("file", hashlib.sha256(data).hexdigest(), len(data))


@pytest.mark.spark
def test_tasks_write_what_was_sent(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sending, "_PART", 7)
    files = {}
    for name, data in {"a": b"0123456789" * 3, "b": b"", "again": b"0123456789" * 3}.items():
        (tmp_path / name).write_bytes(data)
        files[name] = (content(data), tmp_path / name)
    sent = send_files(spark, files.values())
    for name in files:
        (tmp_path / name).unlink()
    contents = [one for one, _ in files.values()]
    absent = content(b"other")

    def work(_: int) -> tuple[list[bool], list[str]]:
        told = []
        for one in contents[:2]:
            target = Written()
            sent.write(one, target)
            told.append(hashlib.sha256(target.data).hexdigest())
        return [one in sent for one in (*contents, absent)], told

    assert run_tasks(spark, range(2), work) == [([True, True, True, False], [one.sha256 for one in contents[:2]])] * 2


def test_what_was_written_is_forgotten():
    part: Any = SimpleNamespace(value=SentPart(b"weights"))
    one = content(b"weights")
    sent = SentFiles({one.sha256: (part,)})
    target = Written()
    sent.write(one, target)
    assert target.data == b"weights"
    sent.forget([one, content(b"other")])
    with pytest.raises(OSError, match="is gone from this machine: run again"):
        sent.write(one, target)


@pytest.mark.parametrize(
    ("master", "same"),
    [("local", True), ("local[*]", True), ("local[2,4]", True), ("local-cluster[2,1,1024]", False), ("yarn", False)],
)
def test_whose_tasks_run_on_this_machine(master: str, same: bool):
    spark: Any = StubSession(master=master)
    assert same_machine(spark) == same


def test_without_a_jvm_nothing_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sending, "gives_jvm", lambda _: False)
    spark: Any = StubSession()
    assert send_files(spark, []) is not None
    with pytest.raises(UsageError, match=rf"the executors do not see {tmp_path}/w, and this Spark session"):
        send_files(spark, [(content(b"weights"), tmp_path / "w")])
