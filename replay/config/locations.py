"""Local paths of a config made absolute; URIs stay as they are."""

from __future__ import annotations

import copy
import os
import re
from typing import Any

from replay.config.output_template import literal
from replay.config.plain import mapping, mappings

# `s3a://bucket/x`, and `dbfs:/x` or `hdfs:/x` with one slash. One letter before the colon would be a drive.
_ELSEWHERE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_FILE = re.compile(r"file:(?://(?:localhost)?(?=/))?", re.IGNORECASE)


def is_local(path: str) -> bool:
    """Whether a path lies on this machine's file system.

    >>> is_local("data/traffic"), is_local("file:///data"), is_local("dbfs:/data")
    (True, True, False)
    """
    return _FILE.match(path) is not None or _ELSEWHERE.match(path) is None


def absolute(path: str, base_dir: str) -> str:
    """Make a local path absolute; ``file:`` URLs become plain paths, other URLs stay.

    Args:
        path: Path or URL. ``~`` is the home directory; variables are not expanded.
        base_dir: Directory that a relative path starts from, or a URL.

    >>> absolute("data/traffic", "/jobs"), absolute("../x", "/jobs/a"), absolute("file:///data/x", "/jobs")
    ('/jobs/data/traffic', '/jobs/x', '/data/x')
    >>> absolute("s3a://bucket/traffic", "/jobs")
    's3a://bucket/traffic'
    >>> absolute("../ckpt/prod.pt2", "s3://bucket/jobs")
    's3://bucket/ckpt/prod.pt2'
    """
    if not path:
        return path
    if match := _FILE.match(path):
        if path[match.end() :].startswith("//"):
            return path  # another host: whoever opens it says so
        path = path[match.end() :]
    elif _ELSEWHERE.match(path):
        return path
    path = os.path.expanduser(path)  # noqa: PTH111, text stays text
    if not is_local(base_dir) and not path.startswith("/"):
        return _below(base_dir, path)
    return os.path.abspath(os.path.join(base_dir, path))  # noqa: PTH100, PTH118, text stays text


def directory_of(path: str) -> str:
    """The directory that relative paths of a config start from.

    Args:
        path: Of the config; a URL, or a path that may be relative to the working directory.

    >>> directory_of("s3://bucket/jobs/replay.yaml"), directory_of("/jobs/replay.yaml")
    ('s3://bucket/jobs', '/jobs')
    """
    if is_local(path):
        return os.path.dirname(absolute(path, os.getcwd()))  # noqa: PTH109, PTH120, collapses `..`
    return path.rpartition("/")[0]


def _below(base: str, path: str) -> str:
    """A relative path as seen from a URL; `..` does not leave its bucket."""
    scheme, slashes, place = re.split("(:/+)", base, maxsplit=1)
    bucket, _, folder = place.partition("/")
    inside = os.path.normpath(f"/{folder}/{path}").lstrip("/")
    return f"{scheme}{slashes}{bucket}/{inside}"


def absolute_paths(data: dict[str, Any], base_dir: str) -> dict[str, Any]:
    """Copy a config, as plain data, with every local path in it absolute.

    These are the ``path`` of the traffic and of sources, ``output``, the ``vocabulary`` of inputs (also of those that a
    checkpoint has of its own), the ``path`` and ``factory`` (its file) of checkpoints, and the file of a perturbation
    of the user's own.
    """
    data = copy.deepcopy(data)
    checkpoints = [mapping(entry) for entry in mapping(data.get("checkpoints")).values()]
    models = [mapping(data.get("model")), *(mapping(entry.get("model")) for entry in checkpoints)]
    inputs = [entry for model in models for _, entry in mappings(model.get("inputs"))]
    if isinstance(data.get("output"), str):
        data["output"] = absolute(data["output"], literal(base_dir))
    tables = [mapping(data.get("traffic")), *map(mapping, mapping(data.get("sources")).values())]
    places = [(table, "path") for table in tables]
    places += [(entry, "vocabulary") for entry in inputs] + [(entry, "path") for entry in checkpoints]
    for section, key in places:
        if isinstance(section.get(key), str):
            section[key] = absolute(section[key], base_dir)
    for entry in checkpoints:
        if isinstance(entry.get("factory"), str):
            entry["factory"] = absolute_factory(entry["factory"], base_dir)
    for steps in mapping(data.get("scenarios")).values():
        for _, step in mappings(steps):
            if isinstance(step.get("op"), str):
                step["op"] = absolute_factory(step["op"], base_dir)
    return data


def absolute_factory(factory: str, base_dir: str) -> str:
    """Make the file of ``file.py:function`` absolute; a ``module:function`` stays.

    >>> absolute_factory("my_models.py:build", "/jobs"), absolute_factory("my_models:build", "/jobs")
    ('/jobs/my_models.py:build', 'my_models:build')
    """
    place, colon, function = factory.rpartition(":")
    return f"{absolute(place, base_dir)}{colon}{function}" if place.endswith(".py") else factory
