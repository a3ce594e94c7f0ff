"""One run at a time writes to an output: the first holds it, the second is told of the first.

On a disk a lock of the system holds it, which ends with the process, however that ends. An object store has no locks,
nor have some mounted disks: there a file is written anew every few seconds, and who finds one waits to see whether it
changes. No clocks of two machines are compared.
"""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from replay.errors import OutputConflict, ReplayError
from replay.store.holder import Holder
from replay.store.storage import LocalStorage, Storage

LOCK: Final = ".lock"
BEAT_SECONDS: Final = 5.0
"""So often a holder says that it lives, where the system does not."""
SILENT_SECONDS: Final = 30.0
"""A holder that says nothing for so long is gone."""
_TAKEN: Final = (errno.EACCES, errno.EAGAIN)

_ours: set[str] = set()
"""Outputs that this process holds: a lock of the system does not tell its threads apart."""
_guard = threading.Lock()


class Hold:
    """An output that is held.

    Args:
        storage: The output.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def check(self) -> None:
        """See whether it is still held: on an object store two runs may take it at the same moment.

        Raises:
            OutputConflict: Another run has it.
        """


@contextmanager
def hold_output(storage: Storage) -> Iterator[Hold]:
    """Hold an output while a run writes to it.

    Raises:
        OutputConflict: Another run does.
    """
    name = _name(storage)
    with _guard:
        if name in _ours:
            raise _refused(storage, Holder.here())
        _ours.add(name)
    try:
        with _locked(storage) if isinstance(storage, LocalStorage) else _beating(storage) as held:
            yield held
    finally:
        _ours.discard(name)


def write_between_runs(storage: Storage, name: str, text: str, *, holding: bool = False) -> None:
    """Write a file into an output that no run writes to, or that the caller's own run does.

    Args:
        storage: The output.
        name: Of the file.
        text: What it is to hold.
        holding: The caller's run may hold the output: its end is told while it is still at work.

    Raises:
        OutputConflict: Another run holds it.
    """
    if holding and _name(storage) in _ours:
        storage.write(name, text)
        return
    with hold_output(storage):
        storage.write(name, text)


def refuse_held(storage: Storage) -> None:
    """Refuse an output that another run holds, where that can be told at once and without a trace.

    Raises:
        OutputConflict: One does.
    """
    if _name(storage) in _ours:  # to close the file would end a lock of this very process
        raise _refused(storage, Holder.here())
    if not isinstance(storage, LocalStorage):
        return
    with suppress(FileNotFoundError, PermissionError), Path(storage.path, LOCK).open("r+") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _TAKEN:
                raise _refused(storage, Holder.from_json(file.read())) from error


def _name(storage: Storage) -> str:
    return os.path.realpath(storage.path) if isinstance(storage, LocalStorage) else storage.path


def _refused(storage: Storage, holder: Holder | None) -> OutputConflict:
    who = "" if holder is None else f" ({holder.words()})"
    return OutputConflict(
        f"{storage.path} is being written by another run{who}: wait until it has ended, or give another output"
    )


@contextmanager
def _locked(storage: LocalStorage) -> Iterator[Hold]:
    """Hold a directory of a disk; what had to be made for it goes again where the run writes nothing."""
    directory = Path(storage.path)
    made = [each for each in (directory, *directory.parents) if not each.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    handle = _take(storage, directory / LOCK)
    try:
        if handle is None:
            with _beating(storage) as held:
                yield held
        else:
            yield Hold(storage)
    finally:
        if handle is not None:
            (directory / LOCK).unlink(missing_ok=True)
            os.close(handle)
        with suppress(OSError):  # not empty: the run wrote to it
            for each in made:
                each.rmdir()


def _take(storage: LocalStorage, file: Path) -> int | None:
    """Lock the file, open; None on a disk without locks."""
    while True:
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = Holder.from_json(os.read(handle, 1 << 16).decode(errors="replace"))
            os.close(handle)
            if error.errno in _TAKEN:
                raise _refused(storage, holder) from error
            return None
        # The run before may have deleted the file after it was opened here.
        if file.exists() and os.fstat(handle).st_ino == file.stat().st_ino:
            os.truncate(handle, 0)
            os.write(handle, Holder.here().to_json().encode())
            return handle
        os.close(handle)


@contextmanager
def _beating(storage: Storage) -> Iterator[Hold]:
    """Hold a directory where there are no locks."""
    _wait_for_silence(storage)
    held = _Beating(storage)
    held.start()
    try:
        yield held
    finally:
        held.stop()


class _Beating(Hold):
    """Writes the file anew as long as it is held."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage)
        self._holder = Holder.here()
        self._beats = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="replay-hold", daemon=True)

    def start(self) -> None:
        self._beat()
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()
        with suppress(ReplayError, OSError):
            if self._other() is None:
                self._storage.delete(LOCK)

    def check(self) -> None:
        other = self._other()
        if other is not None:
            raise _refused(self._storage, other)

    def _run(self) -> None:
        while not self._stopped.wait(BEAT_SECONDS):
            with suppress(ReplayError, OSError):  # a store that does not answer now may do so next time
                if self._other() is not None:
                    return
                self._beat()

    def _beat(self) -> None:
        self._storage.write(LOCK, self._holder.to_json(self._beats))
        self._beats += 1

    def _other(self) -> Holder | None:
        """Who has taken the output from this run."""
        found = Holder.from_json(self._storage.read(LOCK))
        return None if found is None or found.token == self._holder.token else found


def _wait_for_silence(storage: Storage) -> None:
    """Return when nobody holds an output, or nobody that lives.

    Raises:
        OutputConflict: Somebody does: what he writes changes.
    """
    first = storage.read(LOCK)
    holder = Holder.from_json(first)
    if holder is None or holder.is_gone():
        return
    deadline = time.monotonic() + SILENT_SECONDS
    while time.monotonic() < deadline:
        time.sleep(BEAT_SECONDS / 5)
        now = storage.read(LOCK)
        if now is None:
            return
        if now != first:
            raise _refused(storage, Holder.from_json(now))
