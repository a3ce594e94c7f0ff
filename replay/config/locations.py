"""Where files are: local paths made absolute, places elsewhere left alone."""

from __future__ import annotations

import os
import re
from typing import Any

from replay.config.plain import mapping, mappings

# `s3a://bucket/x`, and `dbfs:/x` or `hdfs:/x` with one slash. One letter before the colon would be a drive.
_ELSEWHERE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_FILE = re.compile(r"file:(?://(?:localhost)?(?=/))?", re.IGNORECASE)


def absolute(path: str, base_dir: str) -> str:
    """Make a local path absolute; ``file:`` URLs become plain paths, other URLs stay.

    Args:
        path: Path or URL. ``~`` is the home directory; variables are not expanded.
        base_dir: Directory that a relative path starts from.

    >>> absolute("data/traffic", "/jobs"), absolute("../x", "/jobs/a"), absolute("file:///data/x", "/jobs")
    ('/jobs/data/traffic', '/jobs/x', '/data/x')
    >>> absolute("s3a://bucket/traffic", "/jobs")
    's3a://bucket/traffic'
    """
    if not path:
        return path
    if match := _FILE.match(path):
        if path[match.end() :].startswith("//"):
            return path  # another host: whoever opens it says so
        path = path[match.end() :]
    elif _ELSEWHERE.match(path):
        return path
    return os.path.abspath(os.path.join(base_dir, os.path.expanduser(path)))  # noqa: PTH100, PTH111, PTH118, text stays text


def absolute_paths(data: dict[str, Any], base_dir: str) -> dict[str, Any]:
    """Copy a config, as plain data, with every local path in it absolute."""
    return {
        **data,
        **_with(data, "traffic", lambda section: _at(section, "path", base_dir)),
        **_with(data, "model", lambda section: _model(section, base_dir)),
        **_with(data, "checkpoints", lambda section: {name: _checkpoint(one, base_dir) for name, one in section.items()}),
        **_at(data, "output", base_dir),
    }
