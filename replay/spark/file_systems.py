"""For which URLs Spark has a file system: what reads and writes an object store in the JVM is a package of its own.

A session that gives no JVM is asked by what it refuses; for which URLs it has a file
system, only opening one would tell.

Leans on: ``SparkSession.sessionState().newHadoopConf()``, which is no public API but the only configuration that has
the session's own credentials and endpoints; and Hadoop's ``FileSystem.getFileSystemClass``, which is.
"""

from __future__ import annotations

import re
import weakref
from typing import TYPE_CHECKING, Any

from replay.errors import ReplayError, RunFailed
from replay.files.places import local_path
from replay.spark.access import gives_jvm, jvm_class
from replay.spark.errors import unlogged

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_DEFAULTS: weakref.WeakKeyDictionary[SparkSession, str] = weakref.WeakKeyDictionary()
_NO_SUCH_PATH = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/+(?:[^\s/]*/)?replay-no-such-file")
_MODULES = {"s3": "hadoop-aws", "s3a": "hadoop-aws", "abfs": "hadoop-azure", "abfss": "hadoop-azure"}


def has_file_system(spark: SparkSession, path: str) -> bool:
    """Whether Spark has the classes for a URL's scheme; nothing is opened."""
    from py4j.protocol import Py4JJavaError

    known = jvm_class(spark, "org.apache.hadoop.fs.FileSystem")
    try:
        known.getFileSystemClass(path.partition(":")[0], hadoop_configuration(spark))
    except Py4JJavaError:
        return False
    return True


def spark_opens(spark: SparkSession, path: str) -> bool:
    """Whether Spark is known to have a file system for a path, under the name that :func:`spark_url` gives it."""
    if not gives_jvm(spark):
        return local_path(path) is not None
    if local_path(path) is not None or has_file_system(spark, path):
        return True
    return path.startswith("s3:") and has_file_system(spark, "s3a:")


def spark_url(spark: SparkSession, path: str, refusal: type[ReplayError] = RunFailed) -> str:
    """What Spark calls a path: the same, but for an ``s3:`` URL where it knows ``s3a:`` alone.

    Args:
        spark: The session.
        path: A path, or a URL.
        refusal: What is raised.

    Raises:
        ReplayError: Spark has no file system for it.
    """
    scheme, _, rest = path.partition(":")
    if not gives_jvm(spark):
        return path  # Spark says itself what it lacks
    if spark_opens(spark, path):
        return path if local_path(path) is not None or has_file_system(spark, path) else f"s3a:{rest}"
    jvm: Any = spark._jvm
    version = jvm.org.apache.hadoop.util.VersionInfo.getVersion()
    module = _MODULES.get(scheme)
    package = "the package that brings one" if module is None else f"`--packages org.apache.hadoop:{module}:{version}`"
    raise refusal(
        f"Spark itself has to open {path}, and has no file system for {scheme}: add {package} to spark-submit, or as "
        "`--conf spark.jars.packages=...`"
    )


def default_scheme(spark: SparkSession) -> str:
    """The scheme of a path that has none: ``file`` on this machine."""
    if gives_jvm(spark):
        return str(hadoop_configuration(spark).get("fs.defaultFS", "file:///")).partition(":")[0]
    if spark not in _DEFAULTS:
        _DEFAULTS[spark] = _refused_scheme(spark)
    return _DEFAULTS[spark]


def _refused_scheme(spark: SparkSession) -> str:
    """The scheme that Spark itself puts before a path, as it says that there is nothing."""
    from pyspark.errors import AnalysisException

    try:
        with unlogged():
            _ = spark.read.parquet("/replay-no-such-file").schema
    except AnalysisException as error:
        found = _NO_SUCH_PATH.search(str(error))
        return "file" if found is None else found[1]
    return "file"


def hadoop_configuration(spark: SparkSession) -> Any:
    """Hadoop's settings, with what the session was given for it: credentials, endpoints."""
    return spark._jsparkSession.sessionState().newHadoopConf()
