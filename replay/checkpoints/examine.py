"""Examine a checkpoint without running any of it."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import torch

from replay.checkpoints.checkpoint import Checkpoint, CheckpointFile
from replay.checkpoints.contents import Contents, listed
from replay.checkpoints.elsewhere.local_copy import LocalCopy, local_copy
from replay.checkpoints.fingerprint import combined_sha256, verify_files
from replay.checkpoints.finite import is_mask, non_finite_tensors
from replay.checkpoints.sniff import sniff, sniff_held
from replay.config.sections.checkpoints import CheckpointConfig
from replay.errors import CheckpointError, CorruptCheckpoint


def examine(
    config: CheckpointConfig,
    name: str,
    *,
    base_dir: str = "",
    allow_pickle: bool = False,
    allow_non_finite: bool = False,
) -> Checkpoint:
    """Say all that is known of a checkpoint without running any of it.

    Args:
        config: Path or URL, and what is known of the file beforehand.
        name: Under ``checkpoints`` in the config.
        base_dir: Directory of the config file, where relative paths and module factories start.
        allow_pickle: Accept a whole pickled module, which runs code when it is opened later.
        allow_non_finite: Accept NaN and Inf among the weights.

    Returns:
        What it is, consists of, and would run.

    Raises:
        UnsafeCheckpoint: Opening it would run code that is not allowed.
        CorruptCheckpoint: Truncated, damaged, or of another hash than the config pins.
        CheckpointError: Missing, of another kind, or with NaN or Inf weights.
    """
    found = local_copy(config.path, base_dir)
    with found.naming():
        return _examined(found, config, name, base_dir, allow_pickle=allow_pickle, allow_non_finite=allow_non_finite)


def _examined(
    copy: LocalCopy, config: CheckpointConfig, name: str, base_dir: str, *, allow_pickle: bool, allow_non_finite: bool
) -> Checkpoint:
    path = copy.path
    with contextlib.ExitStack() as held:
        sniffed, files = sniff_held(path, held)
        _refuse_other_hash(config, name, path, files)
        contents = sniffed.read(config, allow_pickle=allow_pickle)
    non_finite = unexpected_non_finite(contents)
    if non_finite and not allow_non_finite:
        found = listed(f"{tensor} ({count:,} of {contents.tensors[tensor].numel():,})" for tensor, count in non_finite)
        raise CheckpointError(
            f"checkpoint {name!r}: {path} has NaN or Inf in {len(non_finite)} of {len(contents.tensors)} tensors:"
            f" {found}. Use another checkpoint, or pass --allow-non-finite to score it all the same"
        )
    return replace(
        described(path, files, config, contents),
        name=name,
        base_dir=base_dir,
        allow_pickle=allow_pickle,
        non_finite=non_finite,
        origin=copy.origin,
        registered=copy.registered,
    )


def _refuse_other_hash(config: CheckpointConfig, name: str, path: Path, files: tuple[CheckpointFile, ...]) -> None:
    sha256 = combined_sha256(files)
    if config.sha256 is not None and config.sha256 != sha256:
        raise CorruptCheckpoint(
            f"checkpoint {name!r}: {path} has sha256 {sha256}, the config pins {config.sha256}. Restore the file, or"
            f" change checkpoints.{name}.sha256 if the new one is meant"
        )


def described(
    path: Path, files: tuple[CheckpointFile, ...], config: CheckpointConfig, contents: Contents
) -> Checkpoint:
    """What a reader found, as a checkpoint without a name."""
    by_dtype = contents.parameters_by_dtype()
    return Checkpoint(
        name="",
        path=str(path),
        format=contents.format,
        sha256=combined_sha256(files),
        files=files,
        config=config,
        base_dir="",
        parameters=sum(by_dtype.values()),
        parameters_by_dtype=by_dtype,
        tensors=contents.tensor_infos(),
        set_aside=contents.set_aside,
        executes=contents.executes,
        signature=contents.signature,
    )


def read_contents(checkpoint: Checkpoint) -> Contents:
    """Read the file whose structure a checkpoint has once more; nothing of it runs, whatever its format.

    Its tensors share the file's pages between processes. Writing to one copies the page in this process alone.

    Args:
        checkpoint: As examined; call ``verify_unchanged`` before, where the file may have changed since.

    Returns:
        What it holds; of a checkpoint that is made of others, before anything was made of it.

    Raises:
        CheckpointError: The file is no longer what was examined.
    """
    return sniff(Path(checkpoint.path)).read(checkpoint.config, allow_pickle=checkpoint.allow_pickle)


def read_state_dict(checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
    """The tensors of :func:`read_contents`, by name."""
    return read_contents(checkpoint).tensors


def verify_unchanged(checkpoint: Checkpoint) -> None:
    """Compare the hash again where the checkpoint is opened; cheap after the first call in a process.

    Args:
        checkpoint: As examined, perhaps on another machine.

    Raises:
        CorruptCheckpoint: A file is gone or was swapped.
    """
    verify_files(checkpoint.name, checkpoint.files)


def unexpected_non_finite(contents: Contents) -> tuple[tuple[str, int], ...]:
    """Tensors with NaN or Inf and how many; an attention mask (a buffer of 0 and -Inf) is as it should be.

    Args:
        contents: As read.
    """
    return tuple(
        (name, count)
        for name, count in non_finite_tensors(contents.tensors)
        if not (name in contents.not_parameters and is_mask(contents.tensors[name]))
    )
