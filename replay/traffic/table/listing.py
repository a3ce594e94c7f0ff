"""Which data files lie under a local path, by Spark's rules for names."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from replay.errors import TrafficError


@dataclass(frozen=True)
class ListedFile:
    """A local directory's data files.

    Attributes:
        root: The directory, or the file itself.
        files: Path, size and time of change (ns since 1970) of every data file, sorted by path.
        partitioned: Some lie in hive-style ``name=value`` directories.
    """

    root: str
    files: tuple[tuple[str, int, int], ...]
    partitioned: bool


def list_files(root: str) -> ListedFile:
    """List the data files under a local path, however deep; names that start with ``_`` or ``.`` are none.

    Raises:
        TrafficError: Nothing is there, or no data file, or (parts of) a Delta table that must be read as one.
    """
    place = Path(root)
    _refuse_inside_delta(place)
    if place.is_file():
        status = place.stat()
        return ListedFile(root, ((root, status.st_size, status.st_mtime_ns),), partitioned=False)
    files: list[tuple[str, int, int]] = []
    folders = [root]
    while folders:
        _scan(folders.pop(), files, folders)
    if not files:
        raise TrafficError(f"{root}: has no data files: expected Parquet files or a Delta table")
    partitioned = any("=" in part for path, _, _ in files for part in Path(path).relative_to(root).parts[:-1])
    return ListedFile(root, tuple(sorted(files)), partitioned)


def _scan(folder: str, files: list[tuple[str, int, int]], folders: list[str]) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name == "_delta_log" and entry.is_dir():
                raise TrafficError(
                    f"{folder} is a Delta table inside the given path: give its own path in `traffic.path`"
                )
            if is_hidden(entry.name):
                continue
            if entry.is_dir():
                folders.append(entry.path)
            else:
                status = entry.stat()
                files.append((entry.path, status.st_size, status.st_mtime_ns))


def is_hidden(name: str) -> bool:
    """Whether Spark skips a file or directory of this name.

    >>> is_hidden("_SUCCESS"), is_hidden(".part.crc"), is_hidden("_day=1"), is_hidden("part-0.parquet")
    (True, True, False, False)
    """
    return name.startswith(".") or (name.startswith("_") and "=" not in name) or name.endswith("._COPYING_")


def _refuse_inside_delta(place: Path) -> None:
    for parent in place.parents:
        if (parent / "_delta_log").is_dir():
            raise TrafficError(
                f"{place} lies inside the Delta table {parent}, whose files hold removed rows too: "
                f"give `path: {parent}` and select with `where`"
            )
