"""Which Spark is installed, and all in which Spark 4.0, 4.1 and 4.2 differ for this package.

Leans on: ``pyspark.sql.pandas.types``, which translates between Arrow's types and Spark's and is no public API: its
functions take other arguments in 4.2, and read a timestamp without a zone as one with a zone by default in 4.0; on
``pyspark.util._load_from_socket``, which gives rows or, in 4.2, a context with them; and on where Catalyst's arithmetic
keeps its mode.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from replay.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.serializers import Serializer

RELEASES = ("4.0", "4.1", "4.2")
"""Of Spark, by their first two numbers: those that Delta's jars of :data:`DELTA_VERSION` are published for."""
DELTA_VERSION = "4.4.0"

_INSTALL = "pip install 'replay-engine[spark]'"


def spark_release() -> str:
    """The release of the installed PySpark: ``"4.2"``.

    Raises:
        UsageError: There is none, or it is not one of :data:`RELEASES`.
    """
    try:
        import pyspark
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("pyspark", "py4j"):
            raise
        raise UsageError(
            f"found no {error.name} in this Python, which this command needs: {_INSTALL}, or use the Python of a "
            f"platform that has Spark {known_releases()}"
        ) from error
    return supported_release(pyspark.__version__)


def supported_release(version: str) -> str:
    """The release that a version of Spark belongs to.

    >>> supported_release("4.1.4"), supported_release("4.0.0.dev1")
    ('4.1', '4.0')

    Raises:
        UsageError: It is not one of :data:`RELEASES`.
    """
    found = re.match(r"\d+\.\d+", version)
    release = "" if found is None else found[0]
    if release not in RELEASES:
        raise UsageError(
            f"found Spark {version}, expected {known_releases()}, which Delta Lake {DELTA_VERSION} is published for: "
            f"{_INSTALL} into an environment of its own, or use a platform that has one of these"
        )
    return release


def known_releases() -> str:
    """The releases, for a sentence.

    >>> known_releases()
    '4.0, 4.1 or 4.2'
    """
    return f"{', '.join(RELEASES[:-1])} or {RELEASES[-1]}"


def delta_package() -> str:
    """Maven's name of Delta's jars for the installed Spark.

    Raises:
        UsageError: There is no Spark, or not one of :data:`RELEASES`.
    """
    return f"io.delta:delta-spark_{spark_release()}_2.13:{DELTA_VERSION}"


NAIVE_TIMES: Mapping[str, Any] = {"prefer_timestamp_ntz": True}
"""Argument of ``from_arrow_schema`` that keeps a timestamp without a zone as it is, which Spark 4.0 gives one else."""


def utc_times() -> Mapping[str, Any]:
    """Argument of ``to_arrow_schema`` and ``to_arrow_type`` that gives instants in UTC."""
    return {"timestamp_utc": True} if spark_release() in ("4.0", "4.1") else {"timezone": "UTC"}


@cache
def opaque_types() -> tuple[Callable[[pa.DataType], bool], ...]:
    """Tests of an Arrow struct, each of which knows one type of Spark's that has no plain values."""
    from pyspark.sql.pandas import types

    names = ("is_variant",) if spark_release() == "4.0" else ("is_variant", "is_geometry", "is_geography")
    return tuple(getattr(types, name) for name in names)


@contextlib.contextmanager
def collected_rows(found: Any, serializer: Serializer) -> Iterator[Iterator[Any]]:
    """Rows of a job that the JVM serves on a socket.

    Args:
        found: What a job of ``PythonRDD`` answers with.
        serializer: Reads them.
    """
    from pyspark.util import _load_from_socket

    given: Any = _load_from_socket(found, serializer)
    if spark_release() in ("4.0", "4.1"):
        yield given
    else:
        with given as rows:
            yield rows


def arithmetic_mode(expression: Any) -> str:
    """How Catalyst evaluates an addition, a subtraction, a product or a division: ``ANSI``, ``TRY`` or ``LEGACY``."""
    context = expression if spark_release() == "4.0" else expression.evalContext()
    return str(context.evalMode())
