"""What a session gives: its JVM, or Spark's public API alone.

A session of PySpark's own kind gives both. One of Spark Connect has no JVM in this process, and managed Sparks refuse
whatever leads to theirs. Which of the two it is, is asked here, once for a session; whoever can do more with the JVM
asks :func:`gives_jvm`, and says what is done without it.

Leans on: ``SparkSession._jvm`` and ``_jsparkSession``, and ``SparkContext._jsc``, where there are any; on py4j finding
a class by its whole name.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_known: weakref.WeakKeyDictionary[SparkSession, bool] = weakref.WeakKeyDictionary()


def gives_jvm(spark: SparkSession) -> bool:
    """Whether the JVM behind a session may be used: that is where the session is more than Spark's public API."""
    if spark not in _known:
        _known[spark] = _gives_jvm(spark)
    return _known[spark]


def _gives_jvm(spark: Any) -> bool:
    """Ask for one of each kind of object that is used."""
    try:
        found = (spark._jvm.org.apache.hadoop.fs.Path, spark._jsparkSession.sharedState(), spark.sparkContext._jsc.sc())
    except (ConnectionError, EOFError):
        raise  # there is one, which is gone
    except Exception:
        return False  # each managed Spark refuses with an exception of its own
    return all(each is not None for each in found)


def jvm_class(spark: SparkSession, name: str) -> Any:
    """A class of the session's JVM, which is asked once.

    Of ``jvm.org.apache.Name`` it is asked for ``org``, ``org.apache`` and so on as well, and for each looks through all
    jars: 6 ms for a class of Delta.

    Args:
        spark: A session that gives its JVM.
        name: Whole, with the package.
    """
    return getattr(spark._jvm, name)


def is_remote(spark: SparkSession) -> bool:
    """Whether the driver is another process, which may run on another machine: that of a Spark Connect server."""
    return type(spark).__module__.startswith("pyspark.sql.connect")
