"""Files wherever Hadoop reaches, through the session's JVM, and what a path means there.

Leans on: Hadoop's ``FileSystem``, which is stable; and the ``commons-io`` that Spark brings along.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from replay.errors import RunFailed, UsageError
from replay.spark.access import gives_jvm, jvm_class
from replay.spark.file_systems import default_scheme, hadoop_configuration
from replay.spark.guest import running_context
from replay.spark.managed import running_managed

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:")


def has_scheme(path: str) -> bool:
    """Whether a path is a URI with a scheme: ``s3a:``, ``file:``."""
    return _SCHEME.match(path) is not None


def local_path(spark: SparkSession, path: str) -> str | None:
    """The path on this machine's filesystem that a path or URL means to Spark, or None where it lies elsewhere."""
    if path.startswith("file:"):
        literal = "/" + path.removeprefix("file:").lstrip("/")
        return literal if Path(literal).exists() or not Path(unquote(literal)).exists() else unquote(literal)
    if has_scheme(path):
        return None
    return str(Path(path).absolute()) if default_scheme(spark) == "file" else None


def local_by_default(conf: Mapping[str, str]) -> bool:
    """Whether a path without a scheme is known to lie on this machine before there is a session to ask.

    Args:
        conf: Settings of the session that will be started.
    """
    elsewhere = (
        "PYSPARK_GATEWAY_PORT",
        "HADOOP_CONF_DIR",
        "YARN_CONF_DIR",
        "SPARK_CONF_DIR",
        "SPARK_HOME",
        "SPARK_REMOTE",
    )
    borrowed = "pyspark" in sys.modules and (running_managed() is not None or running_context() is not None)
    return (
        not borrowed
        and not any(os.environ.get(name) for name in elsewhere)
        and not any("fs.default" in key for key in conf)
    )


class HadoopStorage:
    """A directory on any file system that Spark's Hadoop configuration can reach.

    Raises:
        UsageError: The session does not give its JVM.
    """

    def __init__(self, path: str, spark: SparkSession) -> None:
        self.path = path.rstrip("/")
        if not gives_jvm(spark):
            raise UsageError(
                f"only Hadoop, in Spark's JVM, reaches {path}, and this Spark session does not give its JVM: give a "
                "path or a URL that this process opens itself (docs/places.md)"
            )
        self._path_class = jvm_class(spark, "org.apache.hadoop.fs.Path")
        self._io = jvm_class(spark, "org.apache.commons.io.IOUtils")
        self._utf8 = jvm_class(spark, "java.nio.charset.StandardCharsets").UTF_8
        self._files = self._path_class(self.path).getFileSystem(hadoop_configuration(spark))

    def names(self) -> list[str]:
        """See :class:`replay.store.Storage`."""
        directory = self._path_class(self.path)
        if not self._files.exists(directory):
            return []
        return sorted(status.getPath().getName() for status in self._files.listStatus(directory))

    def read(self, name: str) -> str | None:
        """See :class:`replay.store.Storage`."""
        file = self._path_class(self.path, name)
        if not self._files.exists(file):
            return None
        stream = self._files.open(file)
        try:
            return str(self._io.toString(stream, self._utf8))
        finally:
            stream.close()

    def write(self, name: str, text: str) -> None:
        """See :class:`replay.store.Storage`. Written beside, then renamed."""
        target = self._path_class(self.path, name)
        temporary = self._path_class(self.path, f".{name}.{os.getpid()}")
        stream = self._files.create(temporary, True)
        try:
            self._io.write(text, stream, self._utf8)
        finally:
            stream.close()
        self._files.delete(target, False)
        if not self._files.rename(temporary, target):
            raise RunFailed(f"could not write {self.path}/{name}: the file system refused to rename {temporary} to it")

    def delete(self, name: str) -> None:
        """See :class:`replay.store.Storage`."""
        self._files.delete(self._path_class(self.path, name), True)
