"""Commands run one by one in children of a process that has imported all they need: with bounds, and watched.

``python -m tests.hostile.forked`` reads one request a line (JSON) and answers each with one line.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WATCHED = frozenset(
    ["os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "socket.connect", "ctypes.dlopen"]
)
"""What Python tells its audit hooks before it starts something, connects to something, or loads a library."""


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        code: Its exit code; below zero: the signal that ended it.
        output: Both of its streams.
        seconds: Processor time.
        megabytes: The most memory that it had beyond what the libraries take.
        events: What was started, connected to, loaded or written.
    """

    code: int
    output: str
    seconds: float
    megabytes: int
    events: tuple[str, ...]


class Forker:
    """The process that has imported everything."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.hostile.forked"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    def run(self, arguments: Sequence[str], folder: Path, seconds: float, megabytes: int) -> Ended:
        """Run ``replay ...`` in a folder; past its bounds it ends by a signal or a MemoryError.

        Args:
            arguments: Of the command.
            folder: Where it works.
            seconds: Of processor time.
            megabytes: Of address space beyond what the libraries take.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([list(arguments), str(folder), seconds, megabytes]) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return Ended(**{**answer, "events": tuple(answer["events"])})

    def close(self) -> None:
        """End it."""
        self._process.communicate()


@contextlib.contextmanager
def forker() -> Iterator[Forker]:
    """One, as long as it is needed."""
    made = Forker()
    try:
        yield made
    finally:
        made.close()


def _serve() -> None:
    for line in sys.stdin:
        arguments, folder, seconds, megabytes = json.loads(line)
        sys.stdout.write(json.dumps(_forked(arguments, folder, seconds, megabytes)) + "\n")
        sys.stdout.flush()


def _forked(arguments: list[str], folder: str, seconds: float, megabytes: int) -> dict[str, Any]:
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as events:
        pid = os.fork()
        if pid == 0:
            _child(arguments, folder, seconds, megabytes, output.fileno(), events.fileno())
        _, status, usage = os.wait4(pid, 0)
        output.seek(0)
        events.seek(0)
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {
            "code": os.waitstatus_to_exitcode(status),
            "output": output.read().decode(errors="replace"),
            "seconds": usage.ru_utime + usage.ru_stime,
            "megabytes": max(usage.ru_maxrss - own, 0) >> 10,
            "events": events.read().decode().split("\0")[:-1],
        }


def _child(arguments: list[str], folder: str, seconds: float, megabytes: int, output: int, events: int) -> None:
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdout = io.TextIOWrapper(os.fdopen(1, "wb", 0), write_through=True)
    sys.stderr = io.TextIOWrapper(os.fdopen(2, "wb", 0), write_through=True)
    sys.stdin = io.StringIO()
    code = 99
    try:
        os.chdir(folder)
        bound = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + (megabytes << 20)
        resource.setrlimit(resource.RLIMIT_AS, (bound, bound))
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 2))
        signal.alarm(int(seconds) * 5 + 20)
        _watch(events)
        from replay.cli.main import cli, execute

        code = execute(cli, arguments)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _watch(events: int) -> None:
    def hook(event: str, values: tuple[Any, ...]) -> None:
        if event in WATCHED:
            os.write(events, f"{event}\0".encode())
        elif event == "open" and isinstance(values[2], int) and values[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            os.write(events, f"write {values[0]}\0".encode(errors="replace"))

    sys.addaudithook(hook)


def _import_all() -> None:
    """What commands import when they need it, so that children do not."""
    import importlib

    import torch

    import replay.cli.commands
    from replay.checkpoints.format import FORMATS

    torch.set_num_threads(1)
    list(FORMATS.values())
    for name in (
        "onnx",
        "pyarrow.parquet",
        "replay.checkpoints.inspection",
        "replay.flows.validate",
        "replay.flows.draft",
    ):
        importlib.import_module(name)
    assert replay.cli.commands.COMMANDS


if __name__ == "__main__":
    _import_all()
    _serve()
