"""What the log of a local Delta table says without Spark: the names of its commits, and their bytes.

Leans on: commits being the files ``_delta_log/NNNNNNNNNNNNNNNNNNNN.json``, as Delta's protocol has it, and each of them
naming its own time and transaction, so that no two tables have the same one.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

_COMMIT = re.compile(r"(\d{20})\.json")
_STAGED = "_staged_commits"
"""Where commits wait that a catalog has taken and the log does not show yet."""


def newest_version(path: str) -> int | None:
    """The newest version of the table at a local path, or None where the names of its files do not tell."""
    log = Path(path) / "_delta_log"
    try:
        names = [entry.name for entry in log.iterdir()]
        staged = _STAGED in names and any((log / _STAGED).iterdir())
    except OSError:
        return None
    versions = [int(match[1]) for match in map(_COMMIT.fullmatch, names) if match]
    return None if staged else max(versions, default=None)


def commit_sha256(path: str, version: int) -> str | None:
    """SHA-256 of the commit that made a version; None where the log has it no more, or is not local."""
    try:
        return hashlib.sha256((Path(path) / "_delta_log" / f"{version:020}.json").read_bytes()).hexdigest()
    except OSError:
        return None
