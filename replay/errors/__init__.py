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
        └── WorkerCrashed              a process of Spark's tasks ended under its work

A message says what was found, what was expected and what to do. Only these are caught by the command line; anything
else is a bug and keeps its traceback.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from replay.errors.excerpt import COLUMNS, Excerpt
from replay.errors.printable import indented, printable, shortened
from replay.errors.secrets import redacted

EXIT_OK = 0
EXIT_GATE_FAILED = 1
EXIT_USAGE = 2
EXIT_REFUSED = 3
EXIT_FAILED = 4
EXIT_INTERRUPTED = 130

MAX_SHOWN = 100
"""Problems of one config that are written out: a file with more of them is no config."""
_LONGEST_PATH = 300


class ReplayError(Exception):
    """Base of every expected error."""

    exit_code = EXIT_FAILED

    def __str__(self) -> str:
        return redacted(super().__str__())


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
        excerpt: The line, or the option of the command line, with the place in it; None where the text is not at hand.
    """

    message: str
    path: str = ""
    line: int | None = None
    exit_code: int = EXIT_USAGE
    excerpt: Excerpt | None = field(default=None, compare=False)


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
        super().__init__(self.problems, source)

    def __str__(self) -> str:
        return self.render()

    def render(self, *, columns: int = COLUMNS, color: bool = False) -> str:
        """Render every problem, each with the text that it is about, and say first how many there are.

        Of more than ``MAX_SHOWN``, the first are rendered.

        Args:
            columns: Columns that there are for a line of the config.
            color: Whether places are marked with ANSI colours.
        """
        shown = dict.fromkeys(self.problems)
        where = "" if self.source is None else f" in {shortened(printable(self.source))}"
        first = f"; the first {MAX_SHOWN}" if len(shown) > MAX_SHOWN else ""
        head = [f"{len(shown):,} problems{where}{first}:"] if len(shown) > 1 else []
        some = itertools.islice(shown, MAX_SHOWN)
        lines = [*head, *(render_problem(each, self.source, columns=columns, color=color) for each in some)]
        return redacted("\n".join(lines))


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


class WorkerCrashed(RunFailed):
    """A process of Spark's tasks ended under its work: killed, or crashed in code that it ran."""


def render_problem(problem: Problem, source: str | None = None, *, columns: int = COLUMNS, color: bool = False) -> str:
    """Render a problem as ``file:line:column: path: message``, leaving out what is not known, and its text below.

    Args:
        problem: What is wrong.
        source: The file's name, or None for a config made in Python.
        columns: Columns that there are for the text.
        color: Whether the place is marked with ANSI colours.

    >>> render_problem(Problem("expected 1, found 2", path="version", line=1), "replay.yaml")
    'replay.yaml:1: version: expected 1, found 2'
    >>> render_problem(Problem("the file is empty"))
    'the file is empty'
    >>> found = Problem("expected 1, found 2", "version", 1, excerpt=Excerpt("version: 2", 9, 10))
    >>> print(render_problem(found, "a.yaml"))
    a.yaml:1:10: version: expected 1, found 2
        1 | version: 2
          |          ^
    """
    excerpt = problem.excerpt
    column = None if excerpt is None or problem.line is None else excerpt.start + 1
    place = ":".join(str(part) for part in (source, problem.line, column) if part is not None)
    where = (shortened(printable(place)), shortened(printable(problem.path), _LONGEST_PATH))
    text = ": ".join(part for part in (*where, indented(problem.message)) if part)
    return text if excerpt is None else f"{text}\n{excerpt.render(problem.line, columns=columns, color=color)}"
