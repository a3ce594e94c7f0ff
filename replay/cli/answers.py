"""The answer on stdout, and nothing else there: what a model, a factory or the JVM prints meanwhile goes to stderr."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final, TextIO

import click

from replay.errors.secrets import redacted

_JSON: Final = "--json"
_OUT, _ERROR = 1, 2
_kept: TextIO | None = None


def echo_json(data: Any) -> None:
    """Print data as JSON on stdout."""
    click.echo(redacted(json.dumps(data, indent=2)), file=_kept)


def echo(text: str, *, nl: bool = True) -> None:
    """Print an answer for a person on stdout.

    Args:
        text: Lines.
        nl: Whether the last of them has no end yet.
    """
    click.echo(redacted(text), nl=nl)


@contextlib.contextmanager
def kept_for_answer(arguments: Sequence[str]) -> Iterator[None]:
    """Keep stdout for the answer of a command that is to print JSON.

    What writes to the file descriptor itself (code in C, a process that is started meanwhile) is turned away as well.

    Args:
        arguments: The command's.
    """
    global _kept
    if _JSON not in arguments:
        yield
        return
    with contextlib.ExitStack() as stack:
        stdout, before = sys.stdout, _kept
        stdout.flush()
        _kept = stack.enter_context(_own(stdout))
        sys.stdout = sys.stderr
        try:
            yield
        finally:
            with contextlib.suppress(ValueError):  # somebody closed it
                sys.stdout.flush()
            sys.stdout, _kept = stdout, before


@contextlib.contextmanager
def _own(stdout: TextIO) -> Iterator[TextIO]:
    """What writes to the place that stdout had; until the end, what writes to its descriptor writes to stderr."""
    try:
        descriptor = os.dup(_OUT)
        is_file = stdout.fileno() == _OUT
    except (OSError, io.UnsupportedOperation):  # no stdout, or one that is no file, as in a notebook or a test
        yield stdout
        return
    os.dup2(_ERROR, _OUT)
    answer = os.fdopen(os.dup(descriptor), "w", encoding=stdout.encoding, errors=stdout.errors)
    try:
        yield answer if is_file else stdout
    finally:
        with contextlib.suppress(OSError):  # the reader is gone, which was said when the answer was written
            answer.close()
        os.dup2(descriptor, _OUT)
        os.close(descriptor)
