"""One copy of the weights a machine: formats that load into private memory are moved onto a shared, mapped file.

A state dict or safetensors file is mapped as it is (see :mod:`~replay.checkpoints.state`). torch.export and TorchScript
copy their weights when they load. The first process that opens such a checkpoint writes the weights once, as
safetensors, into a private directory keyed by the checkpoint's hash; every process then maps that file and lets its own
copy go. A lock makes processes open one after the other, so that their transient copies do not add up.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

_SMALL = 1 << 20
"""Bytes of weights below which sharing is not worth a file."""


@contextlib.contextmanager
def one_at_a_time(fingerprint: str) -> Iterator[Path | None]:
    """Hold the machine-wide lock of a checkpoint; yields the shared directory, or None where there can be none."""
    directory = _directory()
    if directory is None:
        yield None
        return
    with (directory / f"{fingerprint}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield directory


def share(tensors: dict[str, torch.Tensor], fingerprint: str, directory: Path | None) -> None:
    """Point tensors, in place, at the memory of the shared file.

    Args:
        tensors: A module's parameters and buffers by name, on the CPU, in the same order in every process.
        fingerprint: Of the checkpoint and how it was opened.
        directory: From :func:`one_at_a_time`; None: nothing is shared.
    """
    plain = {
        str(place): tensor
        for place, tensor in enumerate(tensors.values())
        if tensor.layout is torch.strided and not tensor.is_quantized and tensor.is_contiguous() and tensor.numel()
    }
    if directory is None or sum(tensor.nbytes for tensor in plain.values()) < _SMALL:
        return
    file = directory / f"{fingerprint}.safetensors"
    try:
        if not file.exists():
            _write(plain, file)
        mapped = load_file(file)
    except OSError:
        return  # no room, say: each process keeps its own copy, which is right, if not thrifty
    with torch.no_grad():
        for name, tensor in plain.items():
            source = mapped[name]
            tensor.set_(source.untyped_storage(), source.storage_offset(), source.shape, source.stride())


def _write(tensors: dict[str, torch.Tensor], file: Path) -> None:
    temporary = file.with_suffix(f".{os.getpid()}")
    try:
        # Tied tensors share memory, which safetensors refuses: each is written for itself.
        save_file({name: tensor.detach().clone() for name, tensor in tensors.items()}, temporary)
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


def _directory() -> Path | None:
    """A directory that only this user can read or write, or None where none can be had."""
    directory = Path(
        os.environ.get("REPLAY_SHARED_WEIGHTS") or Path(tempfile.gettempdir()) / f"replay-weights-{os.getuid()}"
    )
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        found = directory.lstat()
    except OSError:
        return None
    private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
    return directory if private else None
