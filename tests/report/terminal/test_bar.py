"""Progress on a terminal: one bar with a clock, gone when the run is over."""

from __future__ import annotations

import re

from replay.report.terminal.progress import make_progress
from tests.report.terminal.test_progress import Clock, Terminal


def test_a_bar_has_a_clock(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with make_progress(stream=stream, clock=Clock()) as progress:
        progress.stage("starting Spark")
        progress._display._bars.refresh()
    assert re.search(r"0:00:0\d.*starting Spark", re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", stream.getvalue()))


def test_a_bar_shows_rows_rate_and_eta_and_goes(monkeypatch):
    clock = Clock()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    stream = Terminal()
    with make_progress(stream=stream, clock=clock) as progress:
        progress.stage("preparing")
        progress.stage("scoring", 2_000_000)
        clock.now += 4
        progress.update(1_200_000)
        progress._display._bars.refresh()
    shown = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", stream.getvalue())
    assert "scoring 1,200,000/2,000,000 rows, 300k rows/s, ETA 2.7 s" in shown
    assert "\x1b[2K\x1b[?25h" in stream.getvalue()[-16:]  # the line is cleared, the cursor is back


def test_a_note_stays_on_a_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with make_progress(stream=stream, clock=Clock()) as progress:
        progress.stage("reading the config")
        progress.note("already done [of] 1")
    assert "replay: already done [of] 1\n" in stream.getvalue()
