"""A judged gate as data: the key of every bound that was not given is left out."""

from __future__ import annotations

from pydantic import TypeAdapter

from replay.report.summary import GateVerdict
from replay.report.summary.json_safe import plain

WHOLE = GateVerdict(
    "prod/null",
    "baseline",
    "auc_drop",
    0.004,
    "failed",
    min=0.0,
    max=0.003,
    slice="surface=home",
    bound="high",
    low=0.001,
    high=0.007,
    rows=1_000,
)


def test_only_what_a_gate_names_and_how_it_was_judged_is_always_there():
    assert plain(GateVerdict("prod", None, "auc", 0.7, "passed")) == {
        "variant": "prod",
        "against": None,
        "metric": "auc",
        "value": 0.7,
        "verdict": "passed",
    }


def test_every_other_key_has_its_place():
    assert plain(WHOLE) == {
        "variant": "prod/null",
        "against": "baseline",
        "metric": "auc_drop",
        "value": 0.004,
        "verdict": "failed",
        "min": 0.0,
        "max": 0.003,
        "slice": "surface=home",
        "bound": "high",
        "low": 0.001,
        "high": 0.007,
        "rows": 1_000,
    }


def test_an_undecided_gate_has_a_null_value_and_says_why():
    shown = plain(GateVerdict("prod", "online", "mismatch_rate", None, "undecided", max=0.1, reason="no rows"))
    assert shown["value"] is None
    assert (shown["verdict"], shown["reason"]) == ("undecided", "no rows")


def test_it_is_read_back_as_it_was():
    assert TypeAdapter(GateVerdict).validate_python(plain(WHOLE)) == WHOLE
