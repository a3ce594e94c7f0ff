"""A job on its way to the tasks, with the files that they need."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from replay.checkpoints import Checkpoint
from replay.files.here import tell_names
from replay.scoring.core import Work
from replay.scoring.needed import NeededFolder, needed_folders, receive, unreachable
from replay.spark.tasks.run import run_tasks
from replay.spark.tasks.sending import SentFiles, same_machine, send_files
from replay.spark.tasks.shared import Shared, share, task_slots

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

T = TypeVar("T")
_MOST_ASKED = 64

_received: dict[tuple[NeededFolder, ...], dict[str, str]] = {}
"""What this process has of jobs that were shipped."""


class Shipped(Generic[T]):
    """What a task is given; goes into its closure.

    Args:
        value: What was shared.
        folders: Files that are needed.
        sent: Those of them that were sent.
    """

    def __init__(self, value: Shared[T], folders: tuple[NeededFolder, ...], sent: SentFiles) -> None:
        self._value = value
        self._folders = folders
        self._sent = sent

    @property
    def value(self) -> T:
        """The value, in a task: all files are on its machine then, and what the driver calls them means these.

        Raises:
            ReplayError: See :func:`~replay.scoring.needed.receive`.
        """
        if self._folders not in _received:
            _received.clear()
            _received[self._folders] = receive(self._folders, self._sent)
        tell_names(_received[self._folders])
        return self._value.value


def ship(spark: SparkSession, value: T, work: Work, checkpoints: Mapping[str, Checkpoint]) -> Shipped[T]:
    """Broadcast what tasks are given, and send them the files that they cannot come by.

    Where tasks run on this very machine, nobody is asked, and nothing is sent.

    Args:
        spark: The session.
        value: What they are given.
        work: What they score.
        checkpoints: With which.
    """
    shared = share(spark, value)
    if same_machine(spark):
        return Shipped(shared, (), SentFiles({}))
    folders = needed_folders(work, checkpoints)
    asked = range(min(max(1, task_slots(spark)), _MOST_ASKED))
    lacking = {place for answer in run_tasks(spark, asked, lambda _: unreachable(folders)) for place in answer}
    files = [(file.content, Path(file.path)) for place in sorted(lacking) for file in folders[place].files]
    return Shipped(shared, folders, send_files(spark, files))
