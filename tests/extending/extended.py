"""The package with one more file in it: what docs/extending.md shows, in a temporary folder."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^```python\n# (?P<path>replay/\S+\.py)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


def example(path: str) -> str:
    """The code that docs/extending.md gives for a file, such as ``replay/metrics/brier.py``."""
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    found = [block["code"] for block in _BLOCK.finditer(text) if block["path"] == path]
    assert len(found) == 1, f"found {len(found)} examples of {path}, expected one"
    return found[0]


@dataclass(frozen=True)
class Extended:
    """A copy of the package in ``folder``, with the files of some examples added; nothing else is changed."""

    folder: Path

    def replay(self, *arguments: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
        """Run the command line of the copy in ``folder``."""
        return self.python("-c", "from replay.cli import main; main()", *arguments, timeout=timeout)

    def python(self, *arguments: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
        """Run Python with the copy of the package."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )


_SERVE = """
import contextlib, io, json, sys
from replay.cli.main import cli, execute

for line in sys.stdin:
    arguments = json.loads(line)
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = execute(cli, arguments)
    print(json.dumps([code, out.getvalue(), err.getvalue()]), flush=True)
"""
"""Spark and torch start once for all commands."""


class Served:
    """One process with a copy of the package, which runs command after command."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def replay(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line of the copy; workers find it where the process works, so paths are whole ones."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        code, out, err = json.loads(self._process.stdout.readline())
        return subprocess.CompletedProcess(["replay", *arguments], code, out, err)


@contextlib.contextmanager
def served(package: Extended) -> Iterator[Served]:
    """Serve the commands of a copy of the package."""
    with subprocess.Popen(
        [sys.executable, "-c", _SERVE],
        cwd=package.folder,
        env={**os.environ, "PYTHONPATH": str(package.folder), "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Served(process)  # it ends as its standard input does


def extend(folder: Path, *paths: str) -> Extended:
    """Copy the package into a folder, and add the examples of some files."""
    shutil.copytree(ROOT / "replay", folder / "replay")  # with its bytecode, which goes by the time of each file
    for path in paths:
        target = folder / path
        assert not target.exists(), f"{path} is there already"
        target.write_text(example(path), encoding="utf-8")
    return Extended(folder)
