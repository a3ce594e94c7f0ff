"""Small files beside the tables: read, written atomically, deleted, wherever this process, or only Hadoop, reaches."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from replay.errors import OutputConflict, RunFailed
from replay.files.places import local_path, opening_problem
from replay.spark.hadoop import HadoopStorage
from replay.store.commits import require_reachable
from replay.store.object_storage import ObjectStorage

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Storage(Protocol):
    """A directory that a run owns."""

    path: str

    def names(self) -> list[str]:
        """Names of what the directory holds; empty where it does not exist."""

    def read(self, name: str) -> str | None:
        """A file's text, or None where there is none."""

    def write(self, name: str, text: str) -> None:
        """Write a file whole or not at all: a reader never sees a part of it."""

    def delete(self, name: str) -> None:
        """Delete a file or a directory with all in it; nothing happens where there is none."""


def open_storage(path: str, spark: SparkSession | None = None) -> Storage:
    """Open a directory for a run's files.

    Args:
        path: A local path, a ``file://`` URL, a URL that pyarrow opens, or one that only Spark's Hadoop configuration
            can reach.
        spark: Needed where :func:`needs_spark`.

    Raises:
        RunFailed: It is, and there is no Spark session.
    """
    local = local_path(path)
    if local is not None:
        return LocalStorage(local)
    problem = opening_problem(path)
    if problem is None:
        return ObjectStorage(path)
    if spark is None:
        raise RunFailed(f"{path} is not a local path, and {problem}: reading it needs a Spark session")
    return HadoopStorage(path, spark)


def needs_spark(path: str) -> bool:
    """Whether only a Spark session reaches a directory."""
    return local_path(path) is None and opening_problem(path) is not None


def require_writable(path: str) -> None:
    """Refuse a directory that a run could not write, before the run starts.

    Raises:
        OutputConflict: It, or the nearest directory above that is there, is a file or closed to this user; or delta-rs,
            which finds credentials in its own way, cannot open a table in a directory on an object store.
    """
    if local_path(path) is None:
        require_reachable(f"{path}/scores")
        return
    nearest = next(each for each in (Path(path), *Path(path).parents) if each.exists())
    if not nearest.is_dir():
        raise OutputConflict(f"{path} cannot be made: {nearest} is a file; give another output")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise OutputConflict(
            f"{path} cannot be written: {nearest} is closed to this user, or on a disk that is mounted read-only; give "
            "another output"
        )


class LocalStorage:
    """A directory on a local or mounted disk."""

    def __init__(self, path: str) -> None:
        self.path = str(Path(path).absolute())

    def names(self) -> list[str]:
        """See :class:`Storage`."""
        directory = Path(self.path)
        if directory.exists() and not directory.is_dir():
            raise OutputConflict(f"{self.path} is a file: give an empty or new directory as output")
        return sorted(entry.name for entry in directory.iterdir()) if directory.is_dir() else []

    def read(self, name: str) -> str | None:
        """See :class:`Storage`."""
        file = Path(self.path, name)
        # Text that is damaged is for the reader to refuse, in his own words.
        return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else None

    def write(self, name: str, text: str) -> None:
        """See :class:`Storage`. Written beside, synced, then renamed over.

        Raises:
            RunFailed: It cannot be written.
        """
        try:
            self._write(name, text)
        except OSError as error:
            raise RunFailed(f"{self.path}/{name} cannot be written: {error.strerror or error}") from error

    def _write(self, name: str, text: str) -> None:
        directory = Path(self.path)
        directory.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=directory, prefix=f".{name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o666 & ~_umask())
            Path(temporary).replace(directory / name)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def delete(self, name: str) -> None:
        """See :class:`Storage`."""
        target = Path(self.path, name)
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
