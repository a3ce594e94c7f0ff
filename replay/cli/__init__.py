"""The command line: thin. A command parses, calls one function, prints what it returns."""

import sys

from replay.errors import UsageError
from replay.namesake import refuse_namesake

try:
    refuse_namesake()
except UsageError as error:
    # Before anything is imported that is not as it should be.
    sys.stderr.write(f"error: {error}\n")
    raise SystemExit(error.exit_code) from error

from replay.cli.main import job, main

__all__ = ["job", "main"]
