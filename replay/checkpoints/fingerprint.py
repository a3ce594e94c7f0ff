"""Hashes that pin a checkpoint to its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from replay.checkpoints.checkpoint import CheckpointFile
from replay.checkpoints.held import name_of
from replay.errors import CheckpointError, CorruptCheckpoint

_CHUNK = 1 << 20
_Stat = tuple[int, int, int, int, int]
_known: dict[str, tuple[_Stat, str]] = {}
"""Hashes of this process by path, each with the file's identity at that time."""


def _stat(path: Path) -> _Stat:
    stat = Path(name_of(path)).stat()
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def file_sha256(path: Path) -> str:
    """The sha256 of a file, in lower-case hex, read from its bytes.

    Raises:
        CheckpointError: It cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with Path(name_of(path)).open("rb", buffering=0) as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}); check the path and permissions") from None
    return digest.hexdigest()


def checkpoint_file(path: Path) -> CheckpointFile:
    """A file with its size and hash."""
    return CheckpointFile(str(path), Path(name_of(path)).stat().st_size, file_sha256(path))


def combined_sha256(files: Sequence[CheckpointFile]) -> str:
    """One hash for a checkpoint: the file's own, or over the ordered names and hashes of several.

    Args:
        files: In the order of the checkpoint; names count, folders do not.
    """
    if len(files) == 1:
        return files[0].sha256
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{Path(file.path).name}\0{file.sha256}\n".encode())
    return digest.hexdigest()


def verify_files(name: str, files: Sequence[CheckpointFile]) -> None:
    """Compare files with their recorded hashes; within a process, each is read once as long as it stays untouched.

    Args:
        name: Of the checkpoint, for messages.
        files: With their hashes when the checkpoint was examined.

    Raises:
        CorruptCheckpoint: A file is gone, or has other bytes.
    """
    for file in files:
        path = Path(file.path)
        try:
            stat = _stat(path)
        except OSError:
            raise CorruptCheckpoint(
                f"checkpoint {name!r}: {path} was there when the run began, and is gone on this machine; put it back,"
                " and run again"
            ) from None
        known = _known.get(file.path)
        found = known[1] if known is not None and known[0] == stat else file_sha256(path)
        _known[file.path] = (stat, found)
        if found != file.sha256:
            raise CorruptCheckpoint(
                f"checkpoint {name!r}: {path} was swapped: its sha256 is {found}, when it was examined it was"
                f" {file.sha256}. Start the run again on the file that you mean"
            )
