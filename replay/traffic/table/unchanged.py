"""Whether the traffic is what an earlier run pinned, found without Spark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from replay.config import TableConfig
from replay.errors import TrafficError
from replay.files.places import local_path, opening_problem
from replay.files.reading import is_directory
from replay.spark.delta.log import commit_sha256, newest_version
from replay.traffic.table.data_files import identity, is_still_there
from replay.traffic.table.parquet import file_identity, list_files
from replay.traffic.table.pinned import fingerprint


def is_unchanged(config: TableConfig, before: Mapping[str, Any]) -> bool:
    """Whether a run would pin what an earlier one did, as far as files that this process reaches prove it.

    Args:
        config: Section ``traffic`` or a source, the same as the earlier run's.
        before: What the manifest of that run says: see :meth:`PinnedTraffic.describe`.

    Returns:
        False where the traffic is another, and where only Spark can tell: tables of a catalog, or where it alone
            reaches.
    """
    path = config.path
    if config.table is not None or path is None or opening_problem(path) is not None:
        return False
    path = local_path(path) or path.rstrip("/")
    if path != before["path"]:
        return False
    unreadable = before.get("unreadable", ())
    if not all(map(is_still_there, unreadable)):
        return False
    if before["format"] == "delta":
        return _same_version(config, path, before)
    left_out = tuple(identity([file["path"] for file in unreadable]))
    return before["format"] == "parquet" and _same_files(path, left_out, before["fingerprint"])


def _same_version(config: TableConfig, path: str, before: Mapping[str, Any]) -> bool:
    """The version that is asked for; where a time or nothing is, the newest one is that of before."""
    version, commit = before["delta_version"], before.get("commit")
    asked = config.delta_version if config.delta_version is not None else newest_version(path)
    return asked == version and commit is not None and commit_sha256(path, version) == commit


def _same_files(path: str, left_out: tuple[str, ...], expected: str) -> bool:
    try:
        if is_directory(f"{path}/_delta_log"):
            return False
        return fingerprint("parquet", (*file_identity(path, list_files(path).files), *left_out)) == expected
    except (TrafficError, OSError):
        return False
