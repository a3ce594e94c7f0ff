"""What is no file, or no path, in the place of one."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from tests.hostile.case import Hostile
from tests.hostile.pickles import refused


def _socket(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(folder / "model.pt"))


def _loop(folder: Path) -> None:
    (folder / "model.pt").symlink_to("model.pt")


def _nothing(folder: Path) -> None:
    pass


def missing(name: str, *arguments: str, code: int, says: tuple[str, ...]) -> Hostile:
    """A command whose argument cannot be a file."""
    return Hostile(name, _nothing, code, says, arguments)


LONG = "d" * 100_000
CASES = (
    refused(
        "a pipe for a checkpoint",
        lambda folder: os.mkfifo(folder / "model.pt"),
        "found a device, a pipe or a socket; expected a checkpoint",
    ),
    refused("a socket for a checkpoint", _socket, "found a device, a pipe or a socket; expected a checkpoint"),
    refused(
        "an empty folder for a checkpoint",
        lambda folder: (folder / "model.pt").mkdir(),
        "found an empty folder: the copy failed",
    ),
    refused(
        "an empty file for a checkpoint",
        lambda folder: (folder / "model.pt").touch(),
        "the file is empty; expected a checkpoint",
    ),
    Hostile("a link to itself for a checkpoint", _loop, 3, ("model.pt: no such file",)),
    missing(
        "a device for a checkpoint",
        "inspect",
        "/dev/zero",
        code=3,
        says=("/dev/zero: found a device, a pipe or a socket; expected a checkpoint",),
    ),
    missing(
        "the memory of the process for a checkpoint", "inspect", "/proc/self/mem", code=3, says=("/proc/self/mem",)
    ),
    missing(
        "a path of 100,000 letters for a checkpoint",
        "inspect",
        LONG,
        code=3,
        says=("characters left out", "no such file"),
    ),
    missing(
        "a path of 100,000 letters for a config",
        "validate",
        LONG,
        code=2,
        says=("characters left out",),
    ),
    missing(
        "a path of 100,000 letters for a run",
        "run",
        LONG,
        code=2,
        says=("characters left out",),
    ),
    missing("a path of 100,000 letters for an output", "gate", LONG, code=2, says=("more than a path can have",)),
    missing("a path of 100,000 letters for a report", "report", LONG, code=2, says=("characters left out",)),
    missing(
        "a path of 100,000 letters for a row", "row", LONG, "--key", "a=1", code=2, says=("more than a path can have",)
    ),
    missing("a path that prints a verdict line", "inspect", "a\n  verdict     safe", code=3, says=("no such file",)),
)
