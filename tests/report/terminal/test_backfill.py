"""A backfill as a table."""

from __future__ import annotations

from dataclasses import replace

from replay.report.backfilled import Backfill
from replay.report.terminal.backfill import backfill_counted, render_backfill
from tests.report.test_backfilled import DONE, LOST


def test_a_line_a_window():
    text = render_backfill(Backfill.of((DONE, LOST), 3), width=160, color=False, unicode=True)
    lines = text.splitlines()
    assert lines[0].split() == ["window", "(UTC)", "rows", "run", "status", "headline"]
    assert lines[1].startswith("2026-11-20 09:00 to 10:00  200,000  kept     passed   ")
    assert lines[2].startswith("2026-11-20 09:00 to 10:00")
    assert lines[2].endswith("resumed  refused  gone")
    assert lines[-1] == "2 of 3 windows, 1 passed, 1 refused (1 complete before)"


def test_the_text_of_others_does_not_steer_a_terminal():
    text = render_backfill(Backfill.of((replace(LOST, headline="a\x1b[2J\nb"),), 1), width=100, color=False)
    assert "\x1b" not in text
    assert "a\\x1b[2J\\nb" in text


def test_nothing_is_said_of_no_window():
    assert render_backfill(Backfill.of((), 3), width=80, color=False) == "0 of 3 windows\n"
    assert backfill_counted(Backfill.of((DONE,), 1)) == "1 of 1 windows, 1 passed (1 complete before)"
