"""Audits as data: read back as they were written, with the keys of the contract."""

from __future__ import annotations

from dataclasses import replace

from replay.report.summary import Summary
from tests.report import sample
from tests.report.audits.found import AUDIT, STALE


def test_they_are_part_of_the_summary_where_there_are_any():
    summary = replace(sample.bare_data().summary, audits={"logging": AUDIT})
    data = summary.to_dict()

    assert Summary.from_dict(data).audits == {"logging": AUDIT}
    assert "audits" not in sample.bare_data().summary.to_dict()


def test_the_keys_are_those_of_the_contract():
    told = replace(sample.bare_data().summary, audits={"logging": AUDIT}).to_dict()["audits"]["logging"]

    assert {"against", "joined", "rows", "unmatched", "features_compared", "core", "explains_mismatches"} <= set(told)
    assert told["unmatched"]["here"] == 20
    assert told["explains_mismatches"] == {"value": 0.97, "low": 0.95, "high": 0.98, "rows": 400}
    feature = told["features"][0]
    assert feature["coverage"] == {"here": 0.98, "there": 0.61}
    assert (feature["kind"], feature["lag_seconds"], feature["alarm"]) == ("older", 10800.0, True)
    assert feature["cost"]["ne_increase"]["low"] == 0.01
    assert feature["slices"] == [
        {"slice": "surface=shop", "coverage": {"here": 0.97, "there": 0.0}, "mismatch_rate": 0.97}
    ]
    assert told["leakage"]["label_dependence"] == {"z": 12.5, "features": ["price"]}
    assert "lag_seconds" not in told["features"][1]


def test_alarms_are_the_features_that_matter():
    assert AUDIT.alarms == (STALE,)
