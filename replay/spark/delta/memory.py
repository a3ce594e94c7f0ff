"""What a session's JVM keeps of Delta tables in memory, and how it goes: a host is left as it was found.

Leans on: the JVM's ``org.apache.spark.sql.delta.DeltaLog.invalidateCache``, which is no public API, and on the name
that Delta gives the RDD of a log that it keeps. A session that does not give its JVM keeps what it likes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from replay.files.places import local_path
from replay.spark.access import gives_jvm, jvm_class
from replay.spark.file_systems import has_file_system

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_KEPT_IN_MEMORY = re.compile(r"Delta Table State.* - (.+)/_delta_log$")


def forget_log(spark: SparkSession, path: str) -> None:
    """Make the session read a table's log anew: what Delta keeps of it in memory goes."""
    if not gives_jvm(spark) or (local_path(path) is None and not has_file_system(spark, path)):
        return  # it looks whether a log has changed each time; or Spark cannot have read it
    log = jvm_class(spark, "org.apache.spark.sql.delta.DeltaLog")
    log.invalidateCache(spark._jsparkSession, jvm_class(spark, "org.apache.hadoop.fs.Path")(path))


def logs_in_memory(spark: SparkSession) -> frozenset[tuple[int, str]]:
    """The logs that Delta keeps as cached RDDs, as far as the session tells: number of the RDD, path of the table."""
    if not gives_jvm(spark):
        return frozenset()
    cached = spark.sparkContext._jsc.getPersistentRDDs()
    names = ((int(number), _KEPT_IN_MEMORY.match(str(rdd.name()))) for number, rdd in cached.items())
    return frozenset((number, name[1]) for number, name in names if name is not None)
