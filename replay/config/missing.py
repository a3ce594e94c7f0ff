"""Files and code that a config names and that are not there, told before anything heavy is imported."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from replay.config.locations import is_local
from replay.config.messages.no_such_file import no_such_file, unreadable
from replay.config.sections.model.combined import contract_path
from replay.config.sections.replay import ReplayConfig
from replay.config.user_code.code import locate_code, missing_code
from replay.errors import CheckpointError, CheckpointMismatch, ConfigError, Problem, ReplayError, TrafficError
from replay.files.here import local_name
from replay.files.model_registry import is_registered
from replay.files.reading import exists


@dataclass(frozen=True)
class Missing:
    """Something that is not there.

    Attributes:
        path: Where the config names it.
        message: What is said of it.
        kind: The error that it is where nothing else is missing.
    """

    path: str
    message: str
    kind: type[ReplayError]

    @property
    def problem(self) -> Problem:
        """The same, as one problem of several."""
        return Problem(self.message, self.path, exit_code=self.kind.exit_code)


def refuse_missing(config: ReplayConfig, *, local_traffic: bool) -> None:
    """Refuse a config that names what is not there.

    Args:
        config: As loaded.
        local_traffic: A path of the traffic without a scheme is on this machine, whatever Spark says.

    Raises:
        TrafficError: The traffic is not there.
        CheckpointError: A checkpoint, or the code that builds it, is not there.
        ConfigError: Something else, or several of them, each with its line.
    """
    found = [*_missing(config, local_traffic=local_traffic)]
    if len(found) == 1 and found[0].kind is not ConfigError:
        raise found[0].kind(found[0].message)
    if found:
        raise ConfigError([config.locate(each.problem) for each in found], config.source)


def _missing(config: ReplayConfig, *, local_traffic: bool) -> Iterator[Missing]:
    path = config.traffic.path
    if local_traffic and config.traffic.table is None and path and is_local(path) and not os.path.exists(path):  # noqa: PTH110, a name that cannot be is none
        yield Missing("traffic.path", no_traffic(path), TrafficError)
    for name, source in config.sources.items():
        path = source.path
        if local_traffic and path and is_local(path) and not os.path.exists(path):  # noqa: PTH110, as above
            yield Missing(f"sources.{name}.path", f"source {name!r}: {no_traffic(path)}", TrafficError)
    for name, entry in config.file_checkpoints.items():
        nothing = _no_checkpoint(entry.path, config.base_dir)
        if nothing is not None:
            yield Missing(f"checkpoints.{name}.path", nothing, CheckpointError)
        absent = None if entry.factory is None else missing_code(locate_code(entry.factory, config.base_dir))
        if absent is not None:
            message = f"checkpoint {name!r}: factory {entry.factory}: {absent}"
            yield Missing(f"checkpoints.{name}.factory", message, CheckpointMismatch)
    yield from _missing_of_model(config)


def _missing_of_model(config: ReplayConfig) -> Iterator[Missing]:
    """Vocabularies, and perturbations of the user's own."""
    for owner, model in config.contracts.items():
        for place, entry in enumerate(model.inputs):
            absent = None if entry.vocabulary is None else _no_vocabulary(entry.vocabulary)
            if absent is not None:
                path = f"{contract_path(owner)}.inputs[{place}].vocabulary"
                yield Missing(path, f"cannot read the vocabulary {absent}", ConfigError)
    for name, steps in config.scenarios.items():
        for place, step in enumerate(steps):
            code = missing_code(locate_code(step.op, config.base_dir)) if ":" in step.op else None
            if code is not None:
                yield Missing(f"scenarios.{name}[{place}].op", f"`{step.op}`: {code}", ConfigError)


def _no_checkpoint(path: str, base_dir: str) -> str | None:
    """What is said of a checkpoint that is not there; one that mlflow knows is looked for when it is fetched."""
    if is_registered(path):
        return None
    try:
        if is_local(path):
            locate(path, base_dir)
        elif not exists(path):
            return unreadable(path, FileNotFoundError(path))
    except CheckpointError as error:
        return str(error)
    except (OSError, ValueError, NotImplementedError) as error:
        return unreadable(path, error)
    return None


def _no_vocabulary(path: str) -> str | None:
    try:
        os.stat(local_name(path))  # noqa: PTH116, says why
    except (OSError, ValueError, NotImplementedError) as error:
        return unreadable(path, error)
    return None


def no_traffic(path: str) -> str:
    """What is said of traffic that is not there."""
    return f"{no_such_file(path)}; expected a Parquet or Delta directory, or a Parquet file"


def locate(given: str, base_dir: str = "") -> Path:
    """The absolute path of a checkpoint that lies on this machine.

    Args:
        given: As in the config: on this machine, or with ``file://``.
        base_dir: Where relative paths start; empty for the working directory.

    Raises:
        CheckpointError: There is nothing; the message names the nearest file.
    """
    path = Path(base_dir or ".", given.removeprefix("file://")).absolute()
    if not os.path.exists(path):  # noqa: PTH110, a name that cannot be is none
        raise CheckpointError(no_such_file(path))
    return path
