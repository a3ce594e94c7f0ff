"""Every error that Replay raises on purpose, and the exit code that each leads to.

::

    ReplayError                     4  the run itself failed
    ├── UsageError                  2  wrong usage
    │   ├── ConfigError                the config file is wrong: all problems at once, each with its line
    │   └── OutputConflict             the output holds a run of another config
    ├── RefusedError                3  the input is refused
    │   ├── TrafficError               the logged traffic
    │   └── CheckpointError            a checkpoint
    │       ├── UnsafeCheckpoint       opening it would run code that is not allowed
    │       ├── CorruptCheckpoint      truncated, wrong hash, sizes or offsets that do not add up
    │       └── CheckpointMismatch     it opens, but does not fit the model or the config
    └── RunFailed                   4  Spark, storage or the model failed on the way

A message says what was found, what was expected and what to do. Only these are caught by the command line; anything
else is a bug and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

EXIT_OK = 0
EXIT_GATE_FAILED = 1
EXIT_USAGE = 2
EXIT_REFUSED = 3
EXIT_FAILED = 4
EXIT_INTERRUPTED = 130


class ReplayError(Exception):
    """Base of every expected error."""

    exit_code = EXIT_FAILED


class UsageError(ReplayError):
    """The command or the call was wrong."""

    exit_code = EXIT_USAGE


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a config.

    Attributes:
        message: What was found, what was expected, what to do.
        path: Where in the config, as a dotted path (``model.inputs[0].features``); empty for the whole file.
        line: 1-based line in the file, or None where the value came from ``--set`` or from Python.
        exit_code: 2 for the config itself, 3 where the traffic or a checkpoint does not fit it.
    """

    message: str
    path: str = ""
    line: int | None = None
    exit_code: int = EXIT_USAGE


class ConfigError(UsageError):
    """The config is wrong.

    Args:
        problems: All that was found, in the order of the file. At least one.
        source: The file's name as the user gave it, or None for a config made in Python.
    """

    def __init__(self, problems: Sequence[Problem], source: str | None = None) -> None:
        self.problems = tuple(problems)
        self.source = source
        # A config that is right in itself but does not fit the traffic or a checkpoint: these are what is refused.
        self.exit_code = min((problem.exit_code for problem in self.problems), default=EXIT_USAGE)
        super().__init__("\n".join(render_problem(problem, source) for problem in self.problems))


class OutputConflict(UsageError):
    """The output directory holds a run of another config, and ``--overwrite`` was not given."""


class RefusedError(ReplayError):
    """The traffic or a checkpoint is refused."""

    exit_code = EXIT_REFUSED


class TrafficError(RefusedError):
    """The logged traffic is missing, unreadable or does not fit the config."""


class CheckpointError(RefusedError):
    """A checkpoint is refused."""


class UnsafeCheckpoint(CheckpointError):
    """Opening the checkpoint would run code that is not allowed."""


class CorruptCheckpoint(CheckpointError):
    """The checkpoint is truncated, has another hash, or its sizes and offsets do not add up."""


class CheckpointMismatch(CheckpointError):
    """The checkpoint is sound, but does not fit the model, its factory or the config."""


class RunFailed(ReplayError):
    """Spark, the storage or the model failed while the run was under way."""


def render_problem(problem: Problem, source: str | None = None) -> str:
    """Render a problem as ``file:line: path: message``, leaving out what is not known.

    >>> render_problem(Problem("expected 1, found 2", path="version", line=1), "replay.yaml")
    'replay.yaml:1: version: expected 1, found 2'
    >>> render_problem(Problem("the file is empty"))
    'the file is empty'
    """
    place = ":".join(str(part) for part in (source, problem.line) if part is not None)
    return ": ".join(part for part in (place, problem.path, problem.message) if part)
