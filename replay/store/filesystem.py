"""Where the files of a table lie: which of Arrow's file systems has them, under which path."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlparse

from pyarrow import fs

_ELSEWHERE = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")


def local_path(path: str) -> str | None:
    """The absolute path on this machine that a path or a ``file:`` URL means, or None for any other URL.

    >>> local_path("file:///data/a%20b"), local_path("s3a://bucket/out")
    ('/data/a b', None)
    """
    if path.startswith("file:"):
        path = unquote(urlparse(path).path)
    return None if _ELSEWHERE.match(path) else str(Path(path).absolute())


def open_filesystem(path: str) -> tuple[fs.FileSystem, str]:
    """The file system that has a path, and what the path is called there.

    Args:
        path: A local path, or a URL that Arrow knows.

    Raises:
        OSError: Arrow cannot reach it.
        ValueError: Arrow knows no such URL.
    """
    local = local_path(path)
    return fs.FileSystem.from_uri(path) if local is None else (fs.LocalFileSystem(), local)
