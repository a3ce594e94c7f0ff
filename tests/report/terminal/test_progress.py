from __future__ import annotations

import io
import threading
import time

import pytest

from replay.report.terminal.bar import BarDisplay
from replay.report.terminal.pace import Pace
from replay.report.terminal.progress import LineDisplay, Progress, make_progress


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock():
    return Clock()


def test_a_log_has_a_line_a_stage_with_a_clock_and_more_of_a_long_one(clock):
    stream = io.StringIO()
    with make_progress(stream=stream, clock=clock, interval=5) as progress:
        clock.now += 0.5
        progress.stage("checking keys")
        clock.now += 2
        progress.stage("scoring", 2_000_000)
        for second in range(1, 11):
            clock.now += 1
            progress.update(second * 200_000)
    assert stream.getvalue().splitlines() == [
        "replay [0.5 s] checking keys",
        "replay [2.5 s] scoring 0/2,000,000 rows",
        "replay [7.5 s] scoring 1,000,000/2,000,000 rows, 200k rows/s, ETA 5 s",
        "replay [12.5 s] scoring 2,000,000/2,000,000 rows, 200k rows/s",
        "replay [12.5 s] scoring: 2,000,000 rows in 10 s",
    ]


def test_a_stage_that_says_nothing_is_shown_all_the_same(clock, monkeypatch):
    monkeypatch.setattr("replay.report.terminal.progress._TICK_SECONDS", 0.01)
    stream = io.StringIO()
    with make_progress(stream=stream, clock=clock) as progress:
        progress.stage("starting Spark")
        clock.now += 31
        deadline = time.monotonic() + 10
        while stream.getvalue().count("\n") < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert stream.getvalue().splitlines() == ["replay [0.0 s] starting Spark", "replay [31.0 s] starting Spark"]


def test_a_stage_that_goes_on_is_no_new_one(clock):
    stream = io.StringIO()
    with make_progress(stream=stream, clock=clock) as progress:
        progress.stage("starting Spark")
        progress.stage("starting Spark")
    assert stream.getvalue() == "replay [0.0 s] starting Spark\n"


@pytest.mark.parametrize("quiet", [False, True])
def test_the_seconds_of_all_stages_add_up(clock, quiet):
    progress = make_progress(quiet=quiet, stream=io.StringIO(), clock=clock)
    clock.now += 1
    for name, took in (("scoring", 4), ("comparing", 2), ("scoring", 8)):
        progress.stage(name)
        clock.now += took
    assert progress.spent() == {"": 1, "scoring": 12, "comparing": 2}


def test_a_note_stays(clock):
    stream = io.StringIO()
    with make_progress(stream=stream, clock=clock) as progress:
        progress.note("already done")
    assert stream.getvalue() == "replay: already done\n"


def test_quiet_is_quiet(clock, capsys):
    with make_progress(quiet=True, clock=clock) as progress:
        progress.stage("scoring", 10)
        progress.update(10)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_lines_go_to_standard_error(clock, capsys):
    with make_progress(clock=clock) as progress:
        progress.stage("scoring", 10)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("replay [0.0 s] scoring 0/10 rows\n")


def test_it_can_be_entered_again(clock):
    stream = io.StringIO()
    with make_progress(stream=stream, clock=clock) as outer:
        outer.stage("preparing")
        with outer as inner:
            inner.stage("scoring", 10)
            clock.now += 1
            inner.update(10)
        assert "in 1 s" not in stream.getvalue()
    assert stream.getvalue().endswith("replay [1.0 s] scoring: 10 rows in 1 s\n")


def test_a_stage_that_failed_is_not_said_to_be_done(clock):
    stream = io.StringIO()

    def fail() -> None:
        with make_progress(stream=stream, clock=clock) as progress:
            progress.stage("scoring", 10)
            raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        fail()
    assert stream.getvalue() == "replay [0.0 s] scoring 0/10 rows\n"


def test_an_update_before_any_stage_or_after_the_end_is_nothing(clock):
    stream = io.StringIO()
    with make_progress(stream=stream, clock=clock) as progress:
        progress.update(5)
    progress.update(5)
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("terminal", "term", "bar"), [(True, "xterm", True), (True, "dumb", False), (False, "xterm", False)]
)
def test_a_bar_is_for_terminals(monkeypatch, terminal, term, bar):
    monkeypatch.setenv("TERM", term)
    progress = make_progress(stream=Terminal() if terminal else io.StringIO())
    assert isinstance(progress._display, BarDisplay if bar else LineDisplay)


def test_updates_from_other_threads_never_overlap(clock):
    class Display:
        busy = 0
        calls = 0

        def begin(self, pace: Pace) -> None:
            self.show(pace, 0.0)

        def show(self, pace: Pace, now: float) -> None:
            self.busy += 1
            assert self.busy == 1
            self.calls += 1
            self.busy -= 1

        end = show

        def close(self) -> None:
            pass

    display = Display()
    with Progress(display, clock) as progress:
        progress.stage("scoring", 1_000)
        threads = [threading.Thread(target=lambda: [progress.update(done) for done in range(200)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert display.calls >= 200
