"""Contracts that checkpoints were stamped with, beside those of a config."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace

from replay.checkpoints import Checkpoint, examine
from replay.config import ReplayConfig
from replay.contracts.stamp import Stamp, StampError, read_stamp, stamp_place, stamp_problem, write_stamp
from replay.errors import CheckpointMismatch, OutputConflict, UsageError
from replay.files.reading import exists
from replay.flows.contract.answer import ContractAnswer, StampAnswer
from replay.flows.options import Options


def stamp_warnings(config: ReplayConfig, sha256s: Mapping[str, str]) -> tuple[str, ...]:
    """What is wrong with the stamps of a config's checkpoints, a sentence each; nothing of those without one.

    Args:
        config: The replay.
        sha256s: Of the checkpoints' bytes, by name.

    Raises:
        ConfigError: A vocabulary cannot be read.
    """
    problems = {
        name: stamp_problem(entry.path, sha256s[name], config.contract_of(name))
        for name, entry in config.file_checkpoints.items()
        if name in sha256s
    }
    return tuple(f"checkpoint `{name}` {problem}" for name, problem in problems.items() if problem is not None)


def check_stamps(config: ReplayConfig, sha256s: Mapping[str, str], options: Options) -> tuple[str, ...]:
    """The same, refused where that was asked for.

    Raises:
        CheckpointMismatch: A stamp does not fit, and `Options.strict` is set.
    """
    found = stamp_warnings(config, sha256s)
    if found and options.strict:
        raise CheckpointMismatch(f"{'; '.join(found)}. Without --strict that is a warning")
    return found


def with_stamp(answer: ContractAnswer, config: ReplayConfig, options: Options) -> ContractAnswer:
    """A contract with what its checkpoint was stamped with; as it is, where that has no stamp.

    Raises:
        CheckpointMismatch: The stamp does not fit, and `Options.strict` is set.
        CheckpointError: The stamped checkpoint is refused.
    """
    name = answer.checkpoint
    entry = config.file_checkpoints.get(name)
    place = None if entry is None else stamp_place(entry.path)
    if entry is None or place is None:
        return answer
    with contextlib.suppress(OSError):  # what cannot be told now is told by reading it
        if not exists(place):
            return answer
    found = check_stamps(config, {name: _examined(config, name, options).sha256}, options)
    return replace(answer, stamp=StampAnswer(place, found[0] if found else None))


def _examined(config: ReplayConfig, name: str, options: Options) -> Checkpoint:
    return examine(
        config.file_checkpoints[name],
        name,
        base_dir=config.base_dir,
        allow_pickle=options.allow_pickle,
        allow_non_finite=options.allow_non_finite,
    )


def stamp_checkpoint(config: ReplayConfig, checkpoint: str, options: Options, *, overwrite: bool = False) -> str:
    """Write the contract of a checkpoint into a file beside it; the checkpoint stays as it is.

    Args:
        config: The replay.
        checkpoint: Its name.
        options: What its examination may allow.
        overwrite: Replace a stamp of another contract or another file.

    Returns:
        Where the stamp is.

    Raises:
        UsageError: The checkpoint is no file, or the stamp cannot be written.
        OutputConflict: Another stamp is there.
        CheckpointError: The checkpoint is refused.
    """
    entry = config.file_checkpoints.get(checkpoint)
    if entry is None:
        raise UsageError(f"`{checkpoint}` is no file: only a checkpoint that is one can be stamped")
    sha256 = _examined(config, checkpoint, options).sha256
    made = Stamp.of(sha256, config.contract_of(checkpoint))
    try:
        there = None if overwrite else read_stamp(entry.path)
    except StampError as error:
        raise OutputConflict(f"{stamp_place(entry.path)} {error}: --overwrite replaces it") from error
    if there is not None and there != made:
        problem = stamp_problem(entry.path, sha256, config.contract_of(checkpoint))
        raise OutputConflict(f"checkpoint `{checkpoint}` {problem}: --overwrite replaces the stamp")
    try:
        return write_stamp(entry.path, made)
    except StampError as error:
        raise UsageError(f"the stamp of `{checkpoint}` {error}") from error
