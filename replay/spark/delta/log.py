"""What the log of a Delta table says without Spark: the names of its commits, and their bytes.

Leans on: commits being the files ``_delta_log/NNNNNNNNNNNNNNNNNNNN.json``, as Delta's protocol has it, and each of them
naming its own time and transaction, so that no two tables have the same one.
"""

from __future__ import annotations

import hashlib
import re

from replay.files.reading import entry_names, is_directory, read_bytes

_COMMIT = re.compile(r"(\d{20})\.json")
_STAGED = "_staged_commits"
"""Where commits wait that a catalog has taken and the log does not show yet."""


def newest_version(path: str) -> int | None:
    """The newest version of the table at a path, or None where the names of its files do not tell."""
    log = f"{path}/_delta_log"
    try:
        names = entry_names(log)
        staged = _STAGED in names and bool(entry_names(f"{log}/{_STAGED}"))
    except (OSError, ValueError):
        return None
    versions = [int(match[1]) for match in map(_COMMIT.fullmatch, names) if match]
    return None if staged else max(versions, default=None)


def is_empty(path: str) -> bool:
    """Whether the log of the table at a path is there and has nothing in it: no commit, no checkpoint."""
    log = f"{path}/_delta_log"
    try:
        return is_directory(log) and not any(name[:20].isdigit() for name in entry_names(log))
    except (OSError, ValueError):
        return False


def commit_sha256(path: str, version: int) -> str | None:
    """SHA-256 of the commit that made a version; None where the log has it no more, or only Spark reaches it."""
    try:
        return hashlib.sha256(read_bytes(f"{path}/_delta_log/{version:020}.json")).hexdigest()
    except (OSError, ValueError):
        return None
