"""What tasks reach, asked of one of them: a machine of the cluster may lack what this one has."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from replay.files.places import local_path, opening_problem, scheme_of
from replay.files.reading import entry_names
from replay.files.reasons import plain_reason
from replay.spark.tasks.run import run_tasks

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

_asked: weakref.WeakKeyDictionary[SparkContext, dict[str, str | None]] = weakref.WeakKeyDictionary()


def reaching_problem(spark: SparkSession, path: str) -> str | None:
    """Why tasks cannot open what lies under a path; None where they can, and for a path without a scheme, unasked.

    One task is asked, once for all paths of a bucket.

    Args:
        spark: The session.
        path: A local path, or a URL.
    """
    if local_path(path) is not None:
        return None
    problem = opening_problem(path)
    if problem is not None:
        return problem
    context = spark.sparkContext
    known = _asked.setdefault(context, {})
    bucket = f"{scheme_of(path)} {path.partition(':')[2].lstrip('/').partition('/')[0]}"
    if bucket not in known:
        known[bucket] = run_tasks(spark, range(1), lambda _: _refusal(path))[0]
    return known[bucket]


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
