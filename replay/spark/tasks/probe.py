"""What tasks reach, asked of one of them: a machine of the cluster may lack what this one has."""

from __future__ import annotations

import os
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

from replay.files.places import local_path, opening_problem, scheme_of
from replay.files.reading import entry_names
from replay.files.reasons import plain_reason
from replay.spark.access import gives_jvm, is_remote
from replay.spark.tasks.run import run_tasks

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

_asked: weakref.WeakKeyDictionary[SparkContext | SparkSession, dict[str, str | None]] = weakref.WeakKeyDictionary()


def reaching_problem(spark: SparkSession, path: str) -> str | None:
    """Why tasks cannot open what lies under a path; None where they can, and for a path without a scheme, unasked.

    One task is asked, once for all paths of a bucket. Of a Spark Connect server one is asked for local paths as well:
    it may run on another machine.

    Args:
        spark: The session.
        path: A local path, or a URL.
    """
    local = local_path(path)
    if local is not None:
        return _local_problem(spark, local) if is_remote(spark) else None
    problem = opening_problem(path)
    if problem is not None:
        return problem
    known = _asked.setdefault(spark.sparkContext if gives_jvm(spark) else spark, {})
    bucket = f"{scheme_of(path)} {path.partition(':')[2].lstrip('/').partition('/')[0]}"
    if bucket not in known:
        known[bucket] = run_tasks(spark, range(1), lambda _: _refusal(path))[0]
    return known[bucket]


def _local_problem(spark: SparkSession, path: str) -> str | None:
    """Why the tasks of a server do not see a local path as this process does; None where they do."""
    nearest = next(str(each) for each in (Path(path), *Path(path).parents) if each.exists())
    known, key = _asked.setdefault(spark, {}), f"file {nearest}"
    if key not in known:
        alike = run_tasks(spark, range(1), lambda _: _stamp(nearest))[0] == _stamp(nearest)
        known[key] = None if alike else f"the Spark Connect server's tasks do not see {nearest} as this process does"
    return known[key]


def _stamp(path: str) -> tuple[int, int] | None:
    """What tells a file or directory from any other one, on whatever machine it is mounted."""
    try:
        status = os.stat(path)  # noqa: PTH116, None where it is not there
    except OSError:
        return None
    return status.st_ino, status.st_ctime_ns


def _refusal(path: str) -> str | None:
    """Why this process cannot list a directory, which need not be there."""
    problem = opening_problem(path)
    if problem is not None:
        return f"a task says: {problem}"
    try:
        entry_names(path)
    except OSError as error:
        return f"a task cannot open it: {plain_reason(path, error)}"
    return None
