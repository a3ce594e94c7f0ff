"""The package built as users install it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_NOT_SOURCE = (".venv*", ".git", ".*cache*", "build", "dist", "*.egg-info", "out", "replay-demo")


def build_wheel(directory: Path) -> Path:
    """Build a wheel from a copy of the sources: builds in one directory, side by side, disturb each other."""
    source, target = directory / "source", directory / "dist"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(*_NOT_SOURCE))
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target), str(source)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr[-2000:]
    [wheel] = target.glob("replay_engine-*.whl")
    return wheel
