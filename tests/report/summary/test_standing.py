"""Standing causes as JSON has them."""

from __future__ import annotations

from dataclasses import replace

from pydantic import TypeAdapter

from replay.diagnosis.causes.cause import Cause
from replay.report.summary import StandingCause, Summary
from replay.report.summary.json_safe import plain
from tests.report import sample

OLD = StandingCause(Cause("checkpoint", 0.9, 100, checkpoint="old"), 0.05, 0.04, 0.06, {"host": ("3", "7")}, 0.98)


def test_what_is_not_known_is_left_out():
    written = plain(OLD)

    assert written["segments"] == {"host": ["3", "7"]}
    assert list(written) == ["cause", "rate", "rate_low", "rate_high", "segments", "slice_rate"]
    assert plain(replace(OLD, entities=3, all_entities=9))["entities"] == 3


def test_it_survives_json():
    read = TypeAdapter(StandingCause).validate_python(plain(OLD))

    assert plain(read) == plain(OLD)
    summary = replace(sample.burst_data().summary, standing=(OLD,))
    assert plain(Summary.from_dict(summary.to_dict()).standing) == plain([OLD])


def test_a_run_without_one_has_none():
    assert sample.burst_data().summary.to_dict()["standing"] == []
