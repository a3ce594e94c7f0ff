"""How a command ends: by a signal, whatever it was doing."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator

import click
import pytest

from replay.cli.main import execute
from replay.errors import ConfigError, Problem, RunFailed
from replay.errors.excerpt import Excerpt


@pytest.fixture(autouse=True)
def _handler() -> Iterator[None]:
    """Put the process's own handler back."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def terminated() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def lost(error: Exception) -> Callable[[], None]:
    """A signal whose exception is lost, and what fails of it."""

    def run() -> None:
        with contextlib.suppress(KeyboardInterrupt):
            terminated()
        raise error

    return run


@pytest.mark.parametrize(
    "run", [terminated, lost(RunFailed("connection refused")), lost(ValueError("closed"))], ids=["raised", "run", "bug"]
)
def test_a_signal_ends_a_run_as_interrupted(run: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(click.command("work")(run), []) == 143
    err = capsys.readouterr().err
    assert "interrupted: what was committed is kept" in err
    assert "error:" not in err


def test_the_next_run_is_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    execute(click.command("work")(terminated), [])

    def fail() -> None:
        raise RunFailed("disk full")

    assert execute(click.command("work")(fail), []) == 4
    assert "error: disk full" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("terminal", "environment", "colored"),
    [(False, {}, False), (True, {}, True), (True, {"NO_COLOR": "1"}, False), (True, {"TERM": "dumb"}, False)],
)
def test_the_place_of_a_problem_is_coloured_on_a_terminal_alone(
    terminal: bool, environment: dict[str, str], colored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"NO_COLOR": "", "TERM": "xterm", **environment}.items():
        monkeypatch.setenv(name, value)
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stderr", stream)

    def fail() -> None:
        raise ConfigError([Problem("found 'x'", "seed", 7, excerpt=Excerpt("seed: x", 6, 7))], "a.yaml")

    assert execute(click.command("work")(fail), []) == 2
    text = stream.getvalue()
    assert text.startswith("error: a.yaml:7:7: seed: found 'x'\n")
    assert ("\033[" in text) == colored
