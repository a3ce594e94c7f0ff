"""Problems of a config, raised with their lines."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from replay.config import ReplayConfig
from replay.errors import ConfigError, Problem


def refuse(problems: Iterable[Problem]) -> None:
    """Raise what is wrong, if anything is.

    Raises:
        ConfigError: With all problems.
    """
    found = list(problems)
    if found:
        raise ConfigError(found)


@contextlib.contextmanager
def located(config: ReplayConfig) -> Iterator[None]:
    """Give problems that are raised inside their lines in the config file."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError([config.locate(problem) for problem in error.problems], config.source) from error
