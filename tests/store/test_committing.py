"""A commit is made once, whatever becomes of questions and answers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from deltalake.exceptions import CommitFailedError, DeltaError

from replay.errors import RunFailed
from replay.store import committing

STORE, DISK = "s3://bucket/scores", "/data/scores"


class Log:
    """Of a table; each commit meets what stands in line for it."""

    def __init__(self, *answers: Exception | None, lost: bool = False) -> None:
        self.answers = list(answers)
        self.commits = self.tried = 0
        self.lost = lost

    def commit(self) -> None:
        self.tried += 1
        answer = self.answers.pop(0) if self.answers else None
        self.commits += answer is None or self.lost
        if answer is not None:
            raise answer

    def arrived(self) -> bool:
        return self.commits > 0


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    return slept


def commit(log: Log, path: str, arrived: Callable[[], bool] | None = None) -> None:
    committing.commit_surely(path, "wave 3", log.commit, arrived or log.arrived)


def test_what_succeeds_is_done_once(pauses: list[float]):
    log = Log()
    commit(log, STORE)
    assert (log.tried, pauses) == (1, [])


@pytest.mark.parametrize(
    "error", [OSError("connection reset"), DeltaError("timed out"), CommitFailedError("version 3")]
)
@pytest.mark.parametrize("path", [STORE, DISK])
def test_an_answer_that_is_lost_is_an_answer(error: Exception, path: str):
    log = Log(error, lost=True)
    commit(log, path)
    assert (log.tried, log.commits) == (1, 1)


def test_a_store_is_asked_again(pauses: list[float]):
    log = Log(OSError("reset"), DeltaError("reset"))
    commit(log, STORE)
    assert (log.tried, log.commits, pauses) == (3, 1, [0.5, 2.0])


def test_one_that_does_not_even_say_what_it_has_is_asked_again():
    log = Log(OSError("reset"))

    def silent() -> bool:
        raise RunFailed("cannot be reached")

    commit(log, STORE, silent)
    assert log.tried == 2


@pytest.mark.parametrize(("path", "tried"), [(STORE, 4), (DISK, 1)])
def test_what_fails_for_good_is_one_error(path: str, tried: int):
    log = Log(*[OSError(28, "No space left on device")] * 9)
    with pytest.raises(RunFailed, match=f"^wave 3 could not be committed to {path}: .*No space left"):
        commit(log, path)
    assert log.tried == tried


def test_a_race_that_is_lost_is_not_tried_again(pauses: list[float]):
    log = Log(CommitFailedError("version 3 is there"))
    with pytest.raises(RunFailed, match="something else wrote to the table at the same time"):
        commit(log, STORE)
    assert (log.tried, pauses) == (1, [])
