"""Commands and the processes below them, by /proc: what they take of the cores, and which kind of process takes it."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

_TICK = os.sysconf("SC_CLK_TCK")
_EVERY = 0.2
"""Seconds between two looks. What a process takes after the last look at it is not counted."""
KINDS = ("driver", "JVM", "workers")
"""The process that is started; Java; and any other, which are workers and what they are forked from."""


class CommandFailed(Exception):
    """A command that is measured ended with another code than 0."""


@dataclass(frozen=True)
class Spent:
    """What a command took.

    Attributes:
        wall: Seconds by the clock.
        cpu: CPU seconds of all its processes, by kind.
    """

    wall: float
    cpu: Mapping[str, float]

    @property
    def total_cpu(self) -> float:
        """CPU seconds of every kind."""
        return sum(self.cpu.values())


class _Process(NamedTuple):
    parent: int
    name: str
    seconds: float
    started: str


def spend(command: Sequence[str | os.PathLike[str]], environment: Mapping[str, str]) -> Spent:
    """Run a command to its end.

    Args:
        command: With its arguments.
        environment: What it gets beside this process's own.

    Raises:
        CommandFailed: It ended with another code than 0; with the end of what it said.
    """
    # A process that has ended stays with what was last seen of it.
    seen: dict[tuple[int, str], tuple[str, float]] = {}
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        with subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, env={**os.environ, **environment}) as run:
            ended = threading.Event()
            looking = threading.Thread(target=_keep_looking, args=(run.pid, seen, ended), daemon=True)
            looking.start()
            run.wait()
            wall = time.perf_counter() - start
            ended.set()
            looking.join()
        if run.returncode:
            said.seek(0)
            end = said.read()[-2000:].decode(errors="replace")
            raise CommandFailed(f"{' '.join(map(str, command))}: exit code {run.returncode}: {end}")
    cpu = {kind: sum(seconds for each, seconds in seen.values() if each == kind) for kind in KINDS}
    return Spent(wall, cpu)


def _keep_looking(root: int, seen: dict[tuple[int, str], tuple[str, float]], ended: threading.Event) -> None:
    while not ended.wait(_EVERY):
        seen |= _look(root)


def _look(root: int) -> dict[tuple[int, str], tuple[str, float]]:
    """Kind and CPU seconds of a process and all below it, by number and start."""
    table = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208, a look is to cost little
        if entry.isdigit() and (found := _read(int(entry))) is not None:
            table[int(entry)] = found
    children: dict[int, list[int]] = {}
    for pid, process in table.items():
        children.setdefault(process.parent, []).append(pid)
    found, waiting = {}, [root]
    while waiting:
        pid = waiting.pop()
        waiting += children.get(pid, [])
        if pid in table:
            process = table[pid]
            found[pid, process.started] = _kind(pid, root, process.name), process.seconds
    return found


def _kind(pid: int, root: int, name: str) -> str:
    if pid == root:
        return "driver"
    return "JVM" if name == "java" else "workers"


def _read(pid: int) -> _Process | None:
    """A process as it is now, or None where it has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    head, _, rest = text.rpartition(")")
    fields = rest.split()
    seconds = (int(fields[11]) + int(fields[12])) / _TICK
    return _Process(int(fields[1]), head.partition("(")[2], seconds, fields[19])


def descendants(pid: int) -> Iterator[int]:
    """Processes below one, at any depth; what ends meanwhile is left out."""
    for task in Path(f"/proc/{pid}/task").glob("*"):
        try:
            children = (task / "children").read_text().split()
        except OSError:
            continue
        for child in map(int, children):
            yield child
            yield from descendants(child)


def living_seconds() -> dict[int, float]:
    """CPU seconds that each process below this one has taken."""
    found = {pid: _read(pid) for pid in descendants(os.getpid())}
    return {pid: process.seconds for pid, process in found.items() if process is not None}


def is_java(pid: int) -> bool:
    """Whether a process is a JVM; False of one that has ended."""
    process = _read(pid)
    return process is not None and process.name == "java"
