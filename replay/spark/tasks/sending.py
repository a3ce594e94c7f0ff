"""Files of this machine sent to the executors, once each, as broadcasts in parts: they pass them on to each other.

A task that never asks for one does not read it; the machine that it runs on has it all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING

from replay.errors import UsageError
from replay.files.copies import Content, Writer
from replay.spark.access import gives_jvm
from replay.spark.tasks.probe import reaching_problem
from replay.spark.tasks.shared import broadcast

if TYPE_CHECKING:
    from pyspark import Broadcast
    from pyspark.sql import SparkSession

_PART = 64 << 20


class SentPart:
    """Some bytes of a file.

    Args:
        data: The bytes.
    """

    def __init__(self, data: bytes) -> None:
        self._data: bytes | None = data

    def write(self, target: Writer) -> None:
        """Write them.

        Raises:
            OSError: This process has done so before, and has forgotten them since.
        """
        if self._data is None:
            raise OSError("a copy that was made of what the driver sent is gone from this machine: run again")
        target.write(self._data)

    def forget(self) -> None:
        """Free the memory: Spark keeps what a worker has asked for."""
        self._data = None


class SentFiles:
    """Files that the executors have, by content. Goes into the closure of tasks.

    Args:
        parts: By SHA-256.
    """

    def __init__(self, parts: dict[str, tuple[Broadcast[SentPart], ...]]) -> None:
        self._parts = parts

    def __contains__(self, content: Content) -> bool:
        return content.sha256 in self._parts

    def write(self, content: Content, target: Writer) -> None:
        """Write a file, in a task."""
        for part in self._parts[content.sha256]:
            part.value.write(target)

    def forget(self, contents: Iterable[Content]) -> None:
        """Free the memory of files that are written."""
        for content in contents:
            for part in self._parts.get(content.sha256, ()):
                part.value.forget()


def send_files(spark: SparkSession, files: Iterable[tuple[Content, Path]]) -> SentFiles:
    """Send files to the executors.

    Args:
        spark: The session.
        files: Each with where it is on this machine; of the same content only one is sent.

    Raises:
        UsageError: There are some, and the session does not give its JVM, by which they are sent.
    """
    wanted = {content.sha256: path for content, path in files}
    if wanted and not gives_jvm(spark):
        names = ", ".join(str(path) for path in list(wanted.values())[:3])
        raise UsageError(
            f"the executors do not see {names}, and this Spark session does not give its JVM, by which files are sent: "
            "give paths or URLs that every executor reads"
        )
    if not wanted:
        return SentFiles({})
    parts = {
        sha256: tuple(broadcast(spark, SentPart(data)) for data in _parts(path)) for sha256, path in wanted.items()
    }
    return SentFiles(parts)


def same_machine(spark: SparkSession) -> bool:
    """Whether tasks run where this process does, with the same disks: in the driver's own JVM."""
    given = gives_jvm(spark)
    master = str(spark.sparkContext.master if given else spark.conf.get("spark.master", ""))
    if not given and reaching_problem(spark, gettempdir()) is not None:
        return False
    return master == "local" or master.startswith("local[")


def _parts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while data := file.read(_PART):
            yield data
