"""The files that a small local Delta table consists of, read from its log without Spark.

Leans on: Delta's protocol, by which a commit is a file ``_delta_log/NNNNNNNNNNNNNNNNNNNN.json`` of one action a line.
Where there is more to a table than adding and removing whole files, it is left to Spark.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from replay.spark.delta_log import newest_version


def live_files(table: str) -> list[str] | None:
    """Paths of the files that hold a table's rows now, in the order in which they were added.

    Args:
        table: A local directory.

    Returns:
        The files; None where only Spark can tell: the log is not whole, or the table uses column mapping, partitions or
        deletion vectors.
    """
    newest = newest_version(table)
    if newest is None:
        return None
    log = Path(table, "_delta_log")
    try:
        commits = [(log / f"{version:020}.json").read_text(encoding="utf-8") for version in range(newest + 1)]
    except OSError:
        return None  # an old commit is gone: a checkpoint stands for it
    live: dict[str, None] = {}
    for line in "\n".join(commits).splitlines():
        try:
            action = json.loads(line) if line.strip() else {}
        except ValueError:
            return None
        if _is_more(action):
            return None
        if "add" in action:
            live[action["add"]["path"]] = None
        elif "remove" in action:
            live.pop(action["remove"]["path"], None)
    files = [Path(table, unquote(path)) for path in live]
    return [str(file) for file in files] if all(file.is_file() for file in files) else None


def _is_more(action: dict[str, Any]) -> bool:
    """Whether an action says that files are not simply the table's rows."""
    metadata = action.get("metaData", {})
    mapping = metadata.get("configuration", {}).get("delta.columnMapping.mode", "none")
    return mapping != "none" or bool(metadata.get("partitionColumns")) or "deletionVector" in action.get("add", {})
