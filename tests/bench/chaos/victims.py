"""Processes of a command, known by a mark in their environment, whoever started them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MARK = "REPLAY_CHAOS"
KINDS = ("driver", "JVM", "Python worker", "executor")
_DAEMONS = ("org.apache.spark.deploy.master.Master", "org.apache.spark.deploy.worker.Worker")


@dataclass(frozen=True)
class Process:
    """A process that runs.

    Attributes:
        pid: Its number.
        kind: One of :data:`KINDS`; ``daemon`` for a master or worker of a cluster.
        words: The end of its command line.
    """

    pid: int
    kind: str
    words: str


def marked(mark: str, driver: int | None = None) -> list[Process]:
    """Processes whose environment has a mark.

    Args:
        mark: Its value.
        driver: Number of the process that was started.
    """
    return [found for pid in _pids() if (found := _look(pid, mark, driver)) is not None]


def kill(process: Process) -> bool:
    """Kill a process as the kernel does when memory runs out; False where it has ended."""
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
        return True
    return False


def wait_for_end(mark: str, within_seconds: float) -> list[Process]:
    """Those of a mark that are still there after so long; masters and workers of a cluster aside."""
    deadline = time.monotonic() + within_seconds
    while (left := [each for each in marked(mark) if each.kind != "daemon"]) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208


def _look(pid: int, mark: str, driver: int | None) -> Process | None:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return None
    if f"{MARK}={mark}".encode() not in environment or state in "ZX":
        return None
    return Process(pid, "driver" if pid == driver else _kind(words), words[-200:])


def _kind(words: str) -> str:
    if "CoarseGrainedExecutorBackend" in words:
        return "executor"
    if any(daemon in words for daemon in _DAEMONS):
        return "daemon"
    program = words.split(" ", 1)[0].rpartition("/")[2]
    return "JVM" if program in ("java", "bash", "sh") else "Python worker"
