"""One commit to a table's log, made surely: of a store, the answer can be lost, or the question."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from replay.errors import RunFailed
from replay.files.places import local_path
from replay.files.reasons import plain_reason

AFRESH = "use --overwrite to start afresh"
_PAUSES = (0.5, 2.0, 5.0)
"""Seconds before each further attempt. A store's client asks again by itself, but not for what must happen once."""


def commit_surely(path: str, what: str, commit: Callable[[], object], arrived: Callable[[], bool]) -> None:
    """Commit, once: where it seems to fail, look whether it has arrived, and on a store try again where it has not.

    To try again is safe: the log takes one commit of a version, whoever is first.

    Args:
        path: Of the table.
        what: Is committed, for the message.
        commit: Commits, or raises.
        arrived: Whether the table has what was committed.

    Raises:
        RunFailed: Something else wrote to the table, or it cannot be written.
    """
    from deltalake.exceptions import CommitFailedError, DeltaError

    pauses = iter(() if local_path(path) is not None else _PAUSES)
    while True:
        try:
            commit()
        except (DeltaError, OSError) as error:
            with suppress(RunFailed):
                if arrived():
                    return
            if isinstance(error, CommitFailedError):
                raise RunFailed(
                    f"{what} could not be committed to {path}: something else wrote to the table at the same time "
                    f"({plain_reason(path, error)}); run again, or {AFRESH}"
                ) from error
            pause = next(pauses, None)
            if pause is None:
                raise RunFailed(f"{what} could not be committed to {path}: {plain_reason(path, error)}") from error
            time.sleep(pause)
        else:
            return
