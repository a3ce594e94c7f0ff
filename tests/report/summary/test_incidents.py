"""Incidents as data: defaults, keys that are left out, times in UTC."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

from pydantic import TypeAdapter

from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.metrics.value import MetricValue, undefined
from replay.report.summary import Cause, Incident, IncidentRow, NoiseFloorSummary
from replay.report.summary.json_safe import plain

START = datetime(2026, 11, 20, 18, tzinfo=UTC)
BERLIN = timezone(timedelta(hours=1))


def test_an_incident_without_a_search_for_causes():
    incident = Incident(START, START + timedelta(minutes=3), 10, 9, 0.9, {"surface": "home"})
    assert plain(incident) == {
        "start": "2026-11-20T18:00:00Z",
        "end": "2026-11-20T18:03:00Z",
        "rows": 10,
        "mismatched": 9,
        "mismatch_rate": 0.9,
        "segments": {"surface": "home"},
        "causes": [],
        "ruled_out": [],
        "kind": "mismatch",
        "mean_delta": None,
        "p_value": None,
        "permanent": False,
        "standing": False,
        "gradual": False,
        "loss": {},
        "examples": [],
        "hypotheses": 0,
        "rows_scored": 0,
    }


def test_a_loss_is_null_only_with_its_reason():
    loss = {"auc_drop": MetricValue(0.02, 0.01, 0.03, 10), "ne_increase": undefined(10, "one class")}
    shown = plain(Incident(START, START, 10, 9, 0.9, {}, loss=loss))["loss"]
    assert shown["auc_drop"] == {"value": 0.02, "low": 0.01, "high": 0.03, "rows": 10}
    assert (shown["ne_increase"]["value"], shown["ne_increase"]["reason"]) == (None, "one class")


def test_what_the_search_keeps_to_itself_is_not_written():
    """A cause is written without the hypothesis that was replayed, and is read without it."""
    hypothesis = Hypothesis("null_features", "prod", ("a",))
    cause = Cause("null_features", 0.75, 4, features=("a",), hypothesis=hypothesis, alternatives=(hypothesis,))
    incident = Incident(START, START, 10, 9, 0.9, {}, causes=(cause,))
    (shown,) = plain(incident)["causes"]
    assert shown == {
        "kind": "null_features",
        "explained_rate": 0.75,
        "rows_tested": 4,
        "features": ["a"],
        "equivalent": [],
        "equivalents": [],
    }
    (read,) = TypeAdapter(Incident).validate_python(plain(incident)).causes
    assert read == Cause("null_features", 0.75, 4, features=("a",))


def test_times_are_moved_to_utc_when_they_are_read():
    local = START.astimezone(BERLIN).isoformat()
    row = {"key": {"id": 1}, "time": local, "online": 0.5, "replayed": None, "command": "replay row x"}
    read = TypeAdapter(IncidentRow).validate_python(row)
    assert read.time == START
    assert read.time.tzinfo is UTC
    assert plain(read)["time"] == "2026-11-20T18:00:00Z"


def test_a_noise_floor_names_its_layer_only_where_there_is_one():
    assert plain(NoiseFloorSummary(1e-7, 1e-6)) == {"abs": 1e-7, "rel": 1e-6, "mismatch_rate": None}
    assert plain(NoiseFloorSummary(0.0, 0.0, 0.0, "online = 1 + 2 x replayed"))["transform"].startswith("online")


def at(minute: int, second: int = 0, microsecond: int = 0) -> datetime:
    return START + timedelta(minutes=minute, seconds=second, microseconds=microsecond)


def test_an_incident_reads_as_a_line():
    causes = (
        Cause("null_features", 1.0, 200, families=("counts",)),
        Cause("stale_features", 0.5, 200, features=("ctr_7d",), lag_seconds=3600.0),
    )
    home = Incident(at(44, 1, 250), at(46, 58), 2285, 1707, 1707 / 2285, {"surface": "home"}, causes[:1])
    assert str(home) == (
        "2026-11-20 18:44:01 to 18:46:58 UTC, surface=home: 1,707 of 2,285 rows (74.7%) differ; explained by "
        "family counts null (100%)"
    )
    assert repr(home) == f"<Incident {home}>"
    mixed = replace(home, segments={}, permanent=True, causes=(*causes, Cause("unexplained", None, 3)))
    assert str(mixed) == (
        "since 2026-11-20 18:44:01 UTC: 1,707 of 2,285 rows (74.7%) differ; explained by family counts null (100%), "
        "ctr_7d stale by 1 h (50%); the rest is unexplained"
    )
    shift = replace(home, kind="shift", mean_delta=-0.0125, segments={}, causes=(Cause("unexplained", None, 3),))
    assert str(shift) == (
        "2026-11-20 18:44:01 to 18:46:58 UTC: scores are off by 0.013 on average; no hypothesis that was "
        "tried explains it"
    )
    assert str(replace(shift, causes=())) == str(shift)


def test_a_cause_shows_what_is_known_of_it():
    cause = Cause("null_features", 1.0, 200, families=("counts",), hypothesis=object())
    assert repr(cause) == "Cause(kind='null_features', explained_rate=1.0, rows_tested=200, families=('counts',))"
