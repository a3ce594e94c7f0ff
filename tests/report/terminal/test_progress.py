from __future__ import annotations

import io
import re
import threading

import pytest

from replay.report.terminal.progress import BarDisplay, LineDisplay, Pace, Progress, make_progress


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


def test_a_log_has_a_line_every_few_seconds(clock):
    stream = io.StringIO()
    with make_progress(stream=stream, clock=clock) as progress:
        progress.stage("checking keys")
        clock.now += 2
        progress.stage("scoring", 2_000_000)
        for second in range(1, 11):
            clock.now += 1
            progress.update(second * 200_000)
    assert stream.getvalue().splitlines() == [
        "replay: checking keys",
        "replay: checking keys: 2 s",
        "replay: scoring 0/2,000,000 rows",
        "replay: scoring 1,000,000/2,000,000 rows, 200k rows/s, ETA 5 s",
        "replay: scoring 2,000,000/2,000,000 rows, 200k rows/s",
        "replay: scoring: 2,000,000 rows in 10 s",
    ]


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
    assert captured.err.startswith("replay: scoring 0/10 rows\n")


def test_it_can_be_entered_again(clock):
    stream = io.StringIO()
    with make_progress(stream=stream, clock=clock) as outer:
        outer.stage("preparing")
        with outer as inner:
            inner.stage("scoring", 10)
            clock.now += 1
            inner.update(10)
        assert "in 1 s" not in stream.getvalue()
    assert stream.getvalue().endswith("replay: scoring: 10 rows in 1 s\n")


def test_a_stage_that_failed_is_not_said_to_be_done(clock):
    stream = io.StringIO()

    def fail() -> None:
        with make_progress(stream=stream, clock=clock) as progress:
            progress.stage("scoring", 10)
            raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        fail()
    assert stream.getvalue() == "replay: scoring 0/10 rows\n"


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


def test_a_bar_shows_rows_rate_and_eta_and_goes(monkeypatch, clock):
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


class TestPace:
    def test_rows_of_an_earlier_run_are_no_speed(self):
        pace = Pace("scoring", 1_000, now=10.0)
        pace.update(500, now=10.0)
        pace.update(600, now=12.0)
        assert pace.rate == 50.0
        assert pace.left == 8.0

    def test_the_rate_is_that_of_the_last_half_minute(self):
        pace = Pace("scoring", None, now=0.0)
        for second in range(1, 101):
            pace.update(100 * second if second <= 50 else 5_000 + 10 * (second - 50), now=float(second))
        assert pace.rate == pytest.approx(10.0)
        assert str(pace) == "scoring 5,500 rows, 10 rows/s"

    def test_a_stall_has_no_eta(self):
        pace = Pace("scoring", 100, now=0.0)
        for second in range(1, 90):
            pace.update(50, now=float(second))
        assert (pace.rate, pace.left) == (None, None)
        assert str(pace) == "scoring 50/100 rows"

    def test_it_never_goes_back(self):
        pace = Pace("scoring", 100, now=0.0)
        pace.update(50, now=1.0)
        pace.update(40, now=2.0)
        assert pace.done == 50

    def test_more_rows_than_told_are_no_negative_eta(self):
        pace = Pace("scoring", 100, now=0.0)
        pace.update(120, now=1.0)
        assert str(pace) == "scoring 120/100 rows, 120 rows/s"
