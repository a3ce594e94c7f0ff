"""The command line: thin. A command parses, calls one function, prints what it returns."""

from replay.cli.main import job, main

__all__ = ["job", "main"]
