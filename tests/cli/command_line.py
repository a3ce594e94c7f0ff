"""The command line as a test calls it."""

from __future__ import annotations

from replay.cli.main import cli, execute


def replay(*arguments: object) -> int:
    """Run ``replay ...`` and return its exit code."""
    return execute(cli, [str(argument) for argument in arguments])
