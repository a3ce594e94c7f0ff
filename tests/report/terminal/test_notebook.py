"""Progress of a call from Python: in a notebook, on a terminal, and nowhere else."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace

import pytest

from replay.report.terminal.notebook import NotebookDisplay, choose_progress, in_notebook
from replay.report.terminal.progress import Progress


class Clock:
    """Seconds that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def overwritten(text: str) -> list[str]:
    """What a reader sees: of each line, what was written last over the rest."""
    lines = []
    for line in text.split("\n"):
        shown = ""
        for part in line.split("\r"):
            shown = part + shown[len(part) :]
        lines.append(shown.rstrip())
    return lines


def test_a_line_is_written_over_and_stays_when_its_stage_is_over(clock: Clock):
    stream = io.StringIO()
    with Progress(NotebookDisplay(stream), clock) as progress:
        progress.stage("scoring", 2_000_000)
        clock.now = 4.0
        progress.update(1_200_000)
        assert overwritten(stream.getvalue()) == ["scoring 1,200,000/2,000,000 rows, 300k rows/s, ETA 2.7 s"]
        clock.now = 7.0
        progress.update(2_000_000)
        progress.stage("comparing")
        clock.now = 8.0
    assert overwritten(stream.getvalue()) == ["scoring: 2,000,000 rows in 7 s", "comparing: 1 s", ""]


def test_texts_come_no_more_often_than_a_browser_takes_them(clock: Clock):
    stream = io.StringIO()
    with Progress(NotebookDisplay(stream, interval=1.0), clock) as progress:
        progress.stage("scoring", 100)
        for tenth in range(100):
            clock.now = tenth / 10
            progress.update(tenth)
    assert stream.getvalue().count("\r") <= 12


def test_a_stage_that_fails_leaves_a_whole_line(clock: Clock):
    stream = io.StringIO()

    def fail() -> None:
        with Progress(NotebookDisplay(stream), clock) as progress:
            progress.stage("scoring")
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()
    assert overwritten(stream.getvalue()) == ["scoring", ""]


def test_a_note_stays(clock: Clock):
    stream = io.StringIO()
    display = NotebookDisplay(stream)
    display.note("already done")
    display.close()
    assert overwritten(stream.getvalue()) == ["already done", ""]


def test_a_notebook_is_a_shell_with_a_kernel(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not in_notebook()
    for shell, expected in ((None, False), (SimpleNamespace(), False), (SimpleNamespace(kernel=object()), True)):
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda shell=shell: shell))
        assert in_notebook() == expected


@pytest.mark.parametrize(
    ("notebook", "terminal", "quiet", "shown"),
    [
        (False, False, False, False),  # a script whose stderr is a file, a test
        (False, True, False, True),
        (True, False, False, True),
        (True, True, True, False),
        (False, True, True, False),
    ],
)
def test_where_work_is_shown(
    notebook: bool, terminal: bool, quiet: bool, shown: bool, monkeypatch: pytest.MonkeyPatch, clock: Clock
):
    shell = SimpleNamespace(kernel=object()) if notebook else None
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setenv("TERM", "dumb")  # lines, not a bar
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    with choose_progress(quiet=quiet, clock=clock) as progress:
        progress.stage("scoring")
    assert ("scoring" in stream.getvalue()) == shown
