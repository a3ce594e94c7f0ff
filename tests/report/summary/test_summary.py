from __future__ import annotations

import json

import pytest

from replay.errors import UsageError
from replay.report.summary import Cause, GateVerdict, Incident, NoiseFloorSummary, Reconciliation, Summary
from tests.report import sample


def full_summary() -> Summary:
    cause = Cause("stale_features", 0.97, 4_000, families=("counts_7d",), lag_seconds=10_800.0)
    ruled_out = Cause("checkpoint", 0.0, 4_000, checkpoint="old")
    start = sample.START
    incident = Incident(start, start + 3 * sample.MINUTE, 10, 9, 0.9, {"surface": "home"}, (cause,), (ruled_out,))
    gates = (
        GateVerdict("prod", "online", "mismatch_rate", 0.0216, "failed", max=0.001),
        GateVerdict("candidate", None, "auc", None, "undecided", min=0.7, reason="no rows"),
    )
    data = sample.burst_data().summary
    return sample.summary(
        data.variants,
        incidents=(incident,),
        gates=gates,
        noise_floor=NoiseFloorSummary(1e-7, 1e-6, 0.03),
        warnings=("a", "b"),
    )


@pytest.mark.parametrize("data", [sample.burst_data, sample.clean_data, sample.wrong_data, sample.bare_data])
def test_a_summary_survives_json(data):
    summary = data().summary
    assert Summary.from_dict(json.loads(summary.to_json())) == summary


def test_incidents_and_gates_survive_json():
    summary = full_summary()
    assert Summary.from_dict(json.loads(summary.to_json())) == summary


def test_the_contract_s_keys_are_there():
    data = full_summary().to_dict()
    assert list(data)[:3] == ["version", "run_id", "rows"]
    assert set(data) >= {
        "reconciliation",
        "timings",
        "traffic",
        "checkpoints",
        "variants",
        "noise_floor",
        "incidents",
        "gates",
    }
    assert data["version"] == 1
    assert set(data["reconciliation"]) == {"read", "filtered", "rejected", "scored", "rejected_by_feature"}
    assert list(data["timings"])[:6] == ["read", "encode", "score", "write", "diff", "wall"]
    assert data["traffic"]["window"] == {"start": "2026-11-20T17:00:00Z", "end": "2026-11-20T20:00:00Z"}
    assert data["traffic"]["delta_version"] == 41
    assert set(data["checkpoints"]["prod"]) >= {"format", "sha256", "parameters"}
    prod = data["variants"]["prod"]
    assert set(prod) == {
        "checkpoint",
        "scenario",
        "rows",
        "rows_scored",
        "vs_online",
        "vs_baseline",
        "stability",
        "metrics",
    }
    statistics = {"compared", "mismatched", "mismatch_rate", "mean_abs", "p50_abs", "p99_abs", "max_abs", "mean_delta"}
    assert set(prod["vs_online"]) >= statistics | {"correlation"}
    assert set(data["variants"]["candidate"]["vs_baseline"]) >= statistics | {"auc_drop", "ne_increase"}
    assert set(prod["stability"]) == {"non_finite", "saturated", "out_of_range", "largest_logit"}
    assert set(prod["metrics"]) == {"auc", "ne", "logloss", "calibration", "log_mae"}
    assert set(prod["metrics"]["auc"]) == {"value", "low", "high", "rows"}
    assert set(data["noise_floor"]) == {"abs", "rel", "mismatch_rate"}
    assert set(data["gates"][0]) == {"variant", "against", "metric", "value", "max", "verdict"}
    assert set(data["incidents"][0]["causes"][0]) == {
        "kind",
        "families",
        "lag_seconds",
        "explained_rate",
        "rows_tested",
        "equivalent",
        "equivalents",
    }


def test_the_order_of_keys_does_not_depend_on_values():
    assert list(sample.bare_data().summary.to_dict()) == list(full_summary().to_dict())


def test_keys_of_a_later_release_are_ignored():
    data = sample.clean_data().summary.to_dict()
    data["new"] = 1
    data["variants"]["prod"]["vs_online"]["new"] = 2
    assert Summary.from_dict(data) == sample.clean_data().summary


def test_another_layout_is_refused_with_both_numbers():
    data = {**sample.clean_data().summary.to_dict(), "version": 2}
    with pytest.raises(UsageError, match=r"layout 2, expected 1"):
        Summary.from_dict(data)


def test_a_broken_summary_is_refused_by_its_place():
    data = sample.clean_data().summary.to_dict()
    data["reconciliation"]["read"] = "many"
    with pytest.raises(UsageError, match=r"reconciliation.read"):
        Summary.from_dict(data)


def test_reconciliation_finds_rows_that_are_nowhere():
    assert Reconciliation(100, 10, {"a": 3, "b": 2}, 80).unaccounted == 5
    assert Reconciliation(100, 10, {"a": 3, "b": 2}, 90).unaccounted == -5
