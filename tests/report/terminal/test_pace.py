"""How far a stage is, how fast it goes, and when it will be over."""

from __future__ import annotations

import pytest

from replay.report.terminal.pace import Pace


def test_a_few_long_steps_have_an_eta_of_their_own_rate():
    """The first one takes 40 s: that is all that is known of the others."""
    pace = Pace("testing causes", 3, now=0.0, unit="incidents")
    pace.update(0, now=20.0, detail="100 rows replayed of the next")
    assert str(pace) == "testing causes 0/3 incidents, 100 rows replayed of the next"
    pace.update(1, now=40.0)
    assert str(pace) == "testing causes 1/3 incidents, ETA 1 min 20 s"
    assert pace.summary(now=40.0) == "testing causes: 1/3 incidents in 40 s"


def test_rows_of_an_earlier_run_are_no_speed():
    pace = Pace("scoring", 1_000, now=10.0)
    pace.update(500, now=10.0)
    pace.update(600, now=12.0)
    assert pace.rate == 50.0
    assert pace.left == 8.0


def test_the_rate_is_that_of_the_last_half_minute():
    pace = Pace("scoring", None, now=0.0)
    for second in range(1, 101):
        pace.update(100 * second if second <= 50 else 5_000 + 10 * (second - 50), now=float(second))
    assert pace.rate == pytest.approx(10.0)
    assert str(pace) == "scoring 5,500 rows, 10 rows/s"


def test_a_stall_has_no_eta():
    pace = Pace("scoring", 100, now=0.0)
    for second in range(1, 90):
        pace.update(50, now=float(second))
    assert (pace.rate, pace.left) == (None, None)
    assert str(pace) == "scoring 50/100 rows"


def test_it_never_goes_back():
    pace = Pace("scoring", 100, now=0.0)
    pace.update(50, now=1.0)
    pace.update(40, now=2.0)
    assert pace.done == 50


def test_more_rows_than_told_are_no_negative_eta():
    pace = Pace("scoring", 100, now=0.0)
    pace.update(120, now=1.0)
    assert str(pace) == "scoring 120/100 rows, 120 rows/s"
