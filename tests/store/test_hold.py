"""One run at a time writes to an output."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from replay.errors import OutputConflict
from replay.store import hold, hold_output, open_storage, refuse_held
from replay.store.hold import LOCK
from replay.store.holder import Holder

HOLDING = """
import sys, time
from replay.store import hold_output, open_storage
with hold_output(open_storage(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@contextmanager
def another_process(path: Path):
    with subprocess.Popen([sys.executable, "-c", HOLDING, str(path)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_the_second_is_refused_and_told_of_the_first(tmp_path: Path):
    storage = open_storage(str(tmp_path / "out"))
    with another_process(tmp_path / "out") as process:
        told = f"is being written by another run \\(process {process.pid} on host .*, since 20.* UTC\\): wait until"
        with pytest.raises(OutputConflict, match=told), hold_output(storage):
            pass
        with pytest.raises(OutputConflict, match=told):
            refuse_held(storage)
        # Whoever was refused has not ended the hold of the first.
        with pytest.raises(OutputConflict, match=told):
            refuse_held(storage)


def test_a_killed_process_holds_nothing(tmp_path: Path):
    storage = open_storage(str(tmp_path / "out"))
    with another_process(tmp_path / "out") as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert (tmp_path / "out" / LOCK).exists()
        refuse_held(storage)
        with hold_output(storage) as held:
            held.check()
    assert storage.names() == []


def test_two_threads_of_a_process_are_two_runs(tmp_path: Path):
    storage = open_storage(str(tmp_path / "out"))
    (tmp_path / "link").symlink_to(tmp_path / "out")
    with hold_output(storage):
        for path in (storage, open_storage(str(tmp_path / "link"))):
            with pytest.raises(OutputConflict, match="another run"), hold_output(path):
                pass
            with pytest.raises(OutputConflict, match="another run"):
                refuse_held(path)
    with hold_output(storage):
        pass


def test_what_was_made_goes_again_unless_the_run_wrote_something(tmp_path: Path):
    storage = open_storage(str(tmp_path / "a" / "b"))
    with hold_output(storage):
        assert Holder.from_json(storage.read(LOCK)) is not None
    assert list(tmp_path.iterdir()) == []
    with hold_output(storage):
        storage.write("summary.json", "{}")
    assert storage.names() == ["summary.json"]
    refuse_held(storage)


def test_a_run_that_ends_lets_the_next_one_in_whoever_waits_for_it(tmp_path: Path):
    storage, order = open_storage(str(tmp_path / "out")), []

    def run(number: int) -> None:
        while True:
            try:
                with hold_output(storage):
                    order.append(number)
                    time.sleep(0.01)
                    order.append(number)
                    return
            except OutputConflict:
                time.sleep(0.001)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert order[::2] == order[1::2]
    assert sorted(order[::2]) == list(range(8))


class Store:
    """Files without locks, as an object store has them."""

    path = "s3://bucket/out"

    def __init__(self) -> None:
        self.files: dict[str, str] = {}

    def names(self):
        return sorted(self.files)

    def read(self, name):
        return self.files.get(name)

    def write(self, name, text):
        self.files[name] = text

    def delete(self, name):
        self.files.pop(name, None)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(hold, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(hold, "SILENT_SECONDS", 0.5)


ELSEWHERE = Holder("a1", 4711, "pid:[1] 1", "2026-01-31T08:00:12+00:00", "t")


def test_on_a_store_a_holder_that_lives_is_seen_to(quick):
    store = Store()
    store.write(LOCK, ELSEWHERE.to_json(0))
    stopped = threading.Event()

    def live() -> None:
        count = 0
        while not stopped.wait(0.05):
            count += 1
            store.write(LOCK, ELSEWHERE.to_json(count))

    thread = threading.Thread(target=live)
    thread.start()
    try:
        with pytest.raises(OutputConflict, match="process 4711 on host a1"), hold_output(store):
            pass
    finally:
        stopped.set()
        thread.join()


def test_on_a_store_a_holder_that_is_silent_is_gone(quick):
    store = Store()
    store.write(LOCK, ELSEWHERE.to_json(7))
    start = time.monotonic()
    with hold_output(store) as held:
        assert time.monotonic() - start >= 0.5
        held.check()
        before = store.read(LOCK)
        deadline = time.monotonic() + 10
        while store.read(LOCK) == before and time.monotonic() < deadline:
            time.sleep(0.01)
        assert store.read(LOCK) != before
    assert store.names() == []


def test_on_a_store_a_process_of_this_machine_that_ended_is_gone_at_once(tmp_path):
    code = "from replay.store.holder import Holder; print(Holder.here().to_json())"
    store = Store()
    store.write(LOCK, subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)
    start = time.monotonic()
    with hold_output(store):
        assert time.monotonic() - start < hold.BEAT_SECONDS


def test_of_two_that_take_a_store_at_once_the_last_has_it(quick):
    store = Store()
    with hold_output(store) as held:
        store.write(LOCK, ELSEWHERE.to_json())
        with pytest.raises(OutputConflict, match="process 4711 on host a1"):
            held.check()
        time.sleep(0.2)
    assert Holder.from_json(store.read(LOCK)) == ELSEWHERE


def test_a_disk_without_locks_is_as_a_store(quick, monkeypatch, tmp_path):
    def no_locks(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(hold.fcntl, "lockf", no_locks)
    storage = open_storage(str(tmp_path / "out"))
    with hold_output(storage) as held:
        held.check()
        assert Holder.from_json(storage.read(LOCK)).pid == Holder.here().pid
    assert not (tmp_path / "out").exists()
