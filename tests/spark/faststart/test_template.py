"""The copy of a command's process that Spark's Python daemon is forked from."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from replay.spark.faststart import template

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a process is copied on Linux alone")

_COMMAND = """
import sys, threading, time
from replay.spark.faststart import template
template.own_process()
threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
listener = template.open_template()
template.fork_template(listener)
print(template.template_settings()["spark.executorEnv.REPLAY_WORKER_TEMPLATE"], flush=True)
sys.stdin.read()
"""
_MODULE = "replay.spark.faststart.daemon"


@pytest.fixture
def command() -> Iterator[subprocess.Popen[str]]:
    """A process that has copied itself; it ends when its standard input is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", _COMMAND], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.communicate()


def start_daemon(address: str) -> subprocess.Popen[bytes]:
    """The daemon as Spark starts it."""
    environ = {**os.environ, "REPLAY_WORKER_TEMPLATE": address, "SPARK_REUSE_WORKER": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", _MODULE, "pyspark.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ
    )


def stream(given: IO[bytes] | None) -> IO[bytes]:
    """A stream that is there."""
    assert given is not None
    return given


def ask_for_worker(daemon: subprocess.Popen[bytes]) -> tuple[int, socket.socket]:
    """A worker's process, by the port that the daemon says, and the connection that keeps it."""
    port = struct.unpack("!i", stream(daemon.stdout).read(4))[0]
    connection = socket.create_connection(("127.0.0.1", port))
    with connection.makefile("rb") as answer:
        worker = struct.unpack("!i", answer.read(4))[0]
    # It says its number before it minds the signal by which its daemon ends it.
    assert wait_until(lambda: not ignores_hangup(worker))
    return worker, connection


def ignores_hangup(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    mask = next(line.split()[1] for line in status.splitlines() if line.startswith("SigIgn:"))
    return bool(int(mask, 16) & 1 << signal.SIGHUP - 1)


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def wait_until(reached: Callable[[], bool]) -> bool:
    end = time.monotonic() + 20
    while not reached() and time.monotonic() < end:
        time.sleep(0.05)
    return reached()


def test_workers_are_forked_from_the_copy_and_end_with_spark(command: subprocess.Popen[str]) -> None:
    assert command.stdout is not None
    address = command.stdout.readline().strip()
    daemon = start_daemon(address)
    worker, connection = ask_for_worker(daemon)
    copy = parent(parent(worker))
    assert parent(copy) == command.pid
    assert str(Path(f"/proc/{copy}/fd/1").readlink()) == os.devnull
    stream(daemon.stdin).close()
    assert daemon.wait(20) == 0
    assert wait_until(lambda: not Path(f"/proc/{worker}").exists())
    connection.close()
    # The copy goes on, and serves another daemon.
    again = start_daemon(address)
    worker, connection = ask_for_worker(again)
    assert parent(parent(worker)) == copy
    connection.close()
    stream(again.stdin).close()
    again.wait(20)
    stream(again.stdout).close()
    stream(daemon.stdout).close()


def test_the_copy_ends_with_the_command_however_that_ends(command: subprocess.Popen[str]) -> None:
    assert command.stdout is not None
    address = Path(command.stdout.readline().strip())
    assert address.exists()
    command.kill()
    command.wait()
    assert wait_until(lambda: not address.parent.exists())


@pytest.mark.parametrize("running", [True, False])
def test_the_copy_tells_in_which_code_the_command_was_killed(running: bool) -> None:
    code = "with running('the factory of prod'):\n    sys.stdin.read()" if running else "sys.stdin.read()"
    program = _COMMAND.replace("sys.stdin.read()", f"from replay.errors.no_return import running\n{code}")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", program], text=True, **pipes) as process:  # type: ignore[call-overload]
        process.stdout.readline()
        time.sleep(0.2)
        process.kill()
        _, said = process.communicate(timeout=30)
    told = "error: the process ended while it ran the factory of prod: the code crashed, or memory ran out\n"
    assert said == (told if running else "")


def test_without_a_copy_the_daemon_serves_itself(tmp_path: Path) -> None:
    daemon = start_daemon(str(tmp_path / "nobody"))
    worker, connection = ask_for_worker(daemon)
    assert parent(worker) == daemon.pid
    connection.close()
    stream(daemon.stdin).close()
    daemon.wait(20)
    stream(daemon.stdout).close()


def test_only_the_process_of_a_command_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template, "_state", {})
    assert template.open_template() is None
    assert template.template_settings() == {}
    monkeypatch.setenv("REPLAY_FAST_START", "0")
    template.own_process()
    assert template.open_template() is None
