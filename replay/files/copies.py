"""Copies of files from elsewhere, once a machine, each under the hash of what it holds.

A copy is a folder of the private cache, so that files that name each other lie beside each other. It has its name once
it is whole, and nobody changes it afterwards: a process that finds it need not fetch anything.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from replay.files.private_cache import keep, locked, private_directory, prune_when_free, remove
from replay.files.process_directory import process_directory

_LOCKS = 16
"""So many copies are made at once, whose names begin with another digit."""


class Content(NamedTuple):
    """A file of a copy.

    Attributes:
        name: Its place in the folder, with ``/`` between the parts.
        sha256: In lower-case hex.
        size: In bytes.
    """

    name: str
    sha256: str
    size: int


class Writer(Protocol):
    """What a file is written to."""

    def write(self, data: bytes, /) -> int:
        """Write all of the data."""
        ...


class OtherContentError(Exception):
    """What came is not what was expected.

    Attributes:
        content: As expected.
    """

    def __init__(self, content: Content) -> None:
        super().__init__(content)
        self.content = content


def find_copy(contents: Sequence[Content]) -> Path | None:
    """The folder of a copy that is there, which is then kept for as long as this process lives; else None."""
    entry = _directory() / _name(contents)
    whole = keep(entry) and all(_size(entry / content.name) == content.size for content in contents)
    return entry if whole else None


def make_copy(contents: Sequence[Content], fill: Callable[[Content, Writer], None]) -> Path:
    """Make a copy, where there is none yet; one process of the machine does, the others wait.

    Args:
        contents: What it will hold.
        fill: Writes one of them.

    Returns:
        Its folder.

    Raises:
        OtherContentError: Something else was written.
        OSError: It cannot be written, or what ``fill`` raises.
    """

    def put(content: Content, file: Path) -> None:
        with hashed_file(file) as (target, digest):
            fill(content, target)
        if digest() != content.sha256:
            raise OtherContentError(content)

    return _make(contents, put)


def adopt(files: Sequence[tuple[Content, Path]]) -> Path:
    """Make a copy of files that are on this machine already; they are linked, or copied where that cannot be.

    Args:
        files: Each with where it is. Nobody may write to them afterwards.
    """
    paths = {content: path for content, path in files}

    def put(content: Content, file: Path) -> None:
        try:
            os.link(paths[content], file)
        except OSError:  # on another file system
            with paths[content].open("rb") as source, file.open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)

    return _make(list(paths), put)


def _make(contents: Sequence[Content], put: Callable[[Content, Path], None]) -> Path:
    """The folder of a copy; where there is none yet, each file of it is put where it belongs."""
    found = find_copy(contents)
    if found is not None:
        return found
    with _making(contents):
        found = find_copy(contents)
        if found is not None:
            return found
        with _unfinished() as made:
            for content in contents:
                file = made / content.name
                file.parent.mkdir(parents=True, exist_ok=True)
                put(content, file)
            return _finish(made, contents)


@contextlib.contextmanager
def hashed_file(path: Path) -> Iterator[tuple[Writer, Callable[[], str]]]:
    """Write a file and hash it meanwhile.

    Yields:
        What to write to, and what gives the SHA-256 of all that was written.
    """
    with path.open("wb") as file:
        hashed = _Hashed(file)
        yield hashed, hashed.digest.hexdigest


class _Hashed:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def write(self, data: bytes, /) -> int:
        self.digest.update(data)
        return self._file.write(data)


@contextlib.contextmanager
def scratch_file() -> Iterator[Path]:
    """A place for a file beside the copies, which is removed afterwards unless it was adopted."""
    with _unfinished() as made:
        yield made / "file"


@contextlib.contextmanager
def _unfinished() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(dir=_directory()))
    try:
        yield made
    finally:
        remove(made)


def _finish(made: Path, contents: Sequence[Content]) -> Path:
    directory = _directory()
    entry = directory / _name(contents)
    remove(entry)  # one that is not whole
    made.rename(entry)
    keep(entry)
    prune_when_free(directory)  # who opens a model may wait for a copy: never the other way round
    return entry


def _making(contents: Sequence[Content]) -> contextlib.AbstractContextManager[None]:
    place = int(_name(contents).rpartition("-")[2][:2], 16) % _LOCKS
    return locked(_directory(), f"copying-{place}")


def _name(contents: Sequence[Content]) -> str:
    lines = sorted(f"{content.name}\0{content.sha256}\n" for content in contents)
    return f"copy-{hashlib.sha256(''.join(lines).encode()).hexdigest()}"


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except OSError:
        return None


def _directory() -> Path:
    return private_directory() or _own_directory(os.getpid())


@lru_cache(maxsize=1)
def _own_directory(process: int) -> Path:
    """Where the user has no private directory that processes share: one of this process alone."""
    return Path(tempfile.mkdtemp(dir=process_directory()))
