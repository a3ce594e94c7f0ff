"""What cannot be encoded: raised once, in the constructor, before a row is read."""

from __future__ import annotations

from collections.abc import Sequence

from replay.errors import EXIT_REFUSED, EXIT_USAGE, ConfigError, Problem, TrafficError, render_problem


class EncodeError(Exception):
    """One thing that does not fit; the code that knows its place in the config turns it into a ``Problem``.

    Args:
        message: What was found, what was expected, what to do.
        refused: True where the traffic does not fit the config, False where the config is wrong by itself.
    """

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.exit_code = EXIT_REFUSED if refused else EXIT_USAGE

    def at(self, path: str) -> Problem:
        """The problem, with its place in the config (``model.inputs[0].features[1]``)."""
        return Problem(str(self), path, exit_code=self.exit_code)


def raise_problems(problems: Sequence[Problem]) -> None:
    """Raise all problems at once.

    Raises:
        ConfigError: When the config itself is wrong somewhere.
        TrafficError: When every problem is that the traffic does not fit.
    """
    if not problems:
        return
    if all(problem.exit_code == EXIT_REFUSED for problem in problems):
        raise TrafficError("\n".join(render_problem(problem) for problem in problems))
    raise ConfigError(problems)
