"""What a run measured, as the summary has it: rows accounted for, warnings in order, every variant by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from replay.checkpoints import Probe
from replay.config import ReplayConfig, Tolerance, build_config
from replay.contracts.fingerprint import contract_fingerprint
from replay.diff.result import DiffResult, VariantResult
from replay.flows.incidents.diagnose import Diagnosed
from replay.flows.stages.compare import Compared
from replay.flows.stages.effects import Effects
from replay.flows.stages.results import build_report_data, variant_summary
from replay.metrics.row import MetricRow
from replay.metrics.value import MetricValue, undefined
from replay.report.summary import (
    CheckpointSummary,
    FeatureRejects,
    Incident,
    NoiseFloorSummary,
    Reconciliation,
    Stability,
    TimeRange,
    Timings,
    ToleranceSummary,
    TrafficSummary,
    UnreadFile,
    VariantSummary,
)
from replay.report.summary.data import ReportData, WorstRow
from replay.report.summary.effects import FamilyEffect, SkewMatrix
from replay.scoring import Preflight, Variant
from replay.scoring.routes import plan_routes
from replay.traffic import DataFile, UnreadableFile
from tests.flows.case import config_data
from tests.stub_session import StubSession

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
ROW = MetricRow("prod", "online", "all", None, "mismatch_rate", 0.25, None, None, 4, None)
WORST = WorstRow("prod", {"request_id": "r1"}, START, 0.5, 0.75, 0.25, {"x0": 1.0}, "replay row x")
STATISTICS: dict[str, Any] = {
    "compared": 4,
    "mismatched": 1,
    "mismatch_rate": 0.25,
    "mean_abs": 0.125,
    "p50_abs": 0.0,
    "p99_abs": 0.5,
    "max_abs": 0.5,
    "mean_delta": -0.125,
    "correlation": None,
    "reasons": {"correlation": "one side is constant"},
}
STABILITY = {"non_finite": 1, "saturated": 2, "out_of_range": 3, "largest_logit": 4.5}


def measured(**changes: Any) -> VariantResult:
    values: dict[str, Any] = {
        "rows": 4,
        "rows_scored": 3,
        "missing": 0,
        "vs_online": STATISTICS,
        "vs_baseline": None,
        "stability": STABILITY,
        "metrics": {},
        "clipped": 0,
        "error_bounds": {},
    }
    return VariantResult(**{**values, **changes})


class TestVariant:
    def test_a_scenario_is_named_with_its_checkpoint(self):
        metrics = {"auc": MetricValue(0.75, 0.5, 1.0, 4)}
        found = variant_summary(measured(metrics=metrics), Variant("prod/null", "prod", "null"))
        assert (found.checkpoint, found.scenario, found.rows, found.rows_scored) == ("prod", "null", 4, 3)
        assert found.stability == Stability(non_finite=1, saturated=2, out_of_range=3, largest_logit=4.5)
        assert found.metrics == metrics
        assert found.vs_baseline is None
        online = found.vs_online
        assert online is not None
        assert (online.compared, online.mismatch_rate, online.max_abs) == (4, 0.25, 0.5)
        assert online.reasons == {"correlation": "one side is constant"}

    def test_changes_of_quality_stand_beside_the_statistics_with_their_reasons(self):
        changes = {"auc_drop": MetricValue(0.02, 0.01, 0.03, 4), "ne_increase": undefined(4, "one class")}
        vs_baseline = {**STATISTICS, "changes": changes}
        found = variant_summary(measured(vs_baseline=vs_baseline), Variant("next", "next")).vs_baseline
        assert found is not None
        assert (found.auc_drop, found.auc_drop_low, found.auc_drop_high) == (0.02, 0.01, 0.03)
        assert found.ne_increase is None
        assert found.reasons == {"correlation": "one side is constant", "ne_increase": "one class"}
        assert set(vs_baseline) == {*STATISTICS, "changes"}
        assert vs_baseline["reasons"] == {"correlation": "one side is constant"}

    def test_online_itself_is_compared_with_nothing(self):
        found = variant_summary(measured(vs_online=None), Variant("prod", "prod"))
        assert (found.vs_online, found.vs_baseline) == (None, None)


def config(**changes: Any) -> ReplayConfig:
    given = {
        "engine": {"max_rejected": 0.5},
        "traffic__window": {"start": "2026-11-20T12:00:00Z"},
        "traffic__where": "surface = 'home'",
        "traffic__sample": {"rate": 0.5},
        "checkpoints__next": {"path": "next.pt"},
        "checkpoints__ramp": {"route": {"prod": 0.75, "next": 0.25}, "by": ["surface"]},
        "scenarios": {"null": [{"op": "nulls", "features": ["x0"]}]},
        **changes,
    }
    return build_config(config_data(**given), "/base")


def checkpoint(name: str, **more: Any) -> Any:
    values = {"format": "torch.export", "sha256": f"sha of {name}", "parameters": 13, "place": f"/models/{name}"}
    return SimpleNamespace(**{**values, "set_aside": (), "non_finite": (), **more})


def prepared(given: ReplayConfig) -> Any:
    variants = (
        Variant("prod", "prod"),
        Variant("next", "next"),
        Variant("ramp", "ramp"),
        Variant("prod/null", "prod", "null"),
    )
    probes = {"next": Probe(torch.float32, 0.5, depends_on_neighbours=True)}
    return SimpleNamespace(
        all_null=(),
        contract=None,
        config=given,
        job=SimpleNamespace(work=SimpleNamespace(variants=variants, routes=plan_routes(given))),
        checkpoints={
            "prod": checkpoint("prod"),
            "next": checkpoint("next", set_aside=("optimizer (dict)", "epoch"), non_finite=(("q.weight", 1_200),)),
        },
        preflight=Preflight({}, probes, {"next": ("12 names start with module.",)}, ()),
        traffic=SimpleNamespace(location="/data/t", format="delta", delta_version=41, unreadable=()),
        spark=StubSession(),
        plan=SimpleNamespace(reader="direct"),
        matches={},
        stamps=("checkpoint `prod` was stamped",),
    )


def compared(**changes: Any) -> Compared:
    result: dict[str, Any] = {
        "rows": 4,
        "rejected": {"unknown_value": 2, "null_without_default": 1},
        "first": START,
        "last": START,
        "no_time": 0,
        "no_group": 0,
        "bucket": timedelta(minutes=2),
        "labels": {},
        "variants": {name: measured(rows=rows) for rows, name in enumerate(("prod", "next", "ramp", "prod/null"), 4)},
        "online": measured(vs_online=None, metrics={"auc": MetricValue(0.75, None, None, 4)}),
        "metric_rows": (ROW,),
        "notes": ("buckets were widened to 2 min",),
    }
    diff: Any = SimpleNamespace(result=DiffResult(**{**result, **changes}))
    noise: Any = SimpleNamespace(floor=NoiseFloorSummary(1e-7, 1e-6))
    matrix = SkewMatrix({}, (), "mean_abs", ())
    effects = Effects(matrix, (FamilyEffect("counts", "prod/null.counts", "auc_drop", 0.1),))
    return Compared(noise, Tolerance(abs=0.5, rel=0.25), diff, [WORST], effects)


INCIDENT = Incident(START, START, 10, 9, 0.9, {})
DIAGNOSED = Diagnosed((INCIDENT,), (), ("incidents were searched for in 50.0% of the rows",))
TOTALS = {"score": 2.0, "without_history:late": 1_234.0, "refused:scaled": 5.0, "rows": 7.0}


def built(given: ReplayConfig | None = None, found: Compared | None = None, **more: Any) -> ReportData:
    return built_from(prepared(given or config()), found, **more)


def built_from(given: Any, found: Compared | None = None, **more: Any) -> ReportData:
    check: Any = SimpleNamespace(rows_read=10, rows_selected=7, copies=0, warnings=())
    manifest: Any = SimpleNamespace(run_id="run7", started="2026-11-20T13:00:00.000Z", config_sha256="c" * 64)
    clock: Any = SimpleNamespace(
        timings=lambda: {"read": 1.23456, "diff": 2.0, "wall": 9.9996, "without_history:late": 1_234.0},
        now=lambda: "2026-11-20T13:00:10.500Z",
    )
    arguments = {"diagnosed": DIAGNOSED, "totals": TOTALS, **more}
    return build_report_data(given, check, found or compared(), manifest=manifest, clock=clock, **arguments)


def test_every_row_that_was_read_is_somewhere():
    summary = built().summary
    assert summary.reconciliation == Reconciliation(10, 3, {"unknown_value": 2, "null_without_default": 1}, 4)
    assert summary.reconciliation.unaccounted == 0
    assert summary.rows == 7  # of the scores table, which holds rejected rows too


def test_rows_of_files_that_were_left_out_are_rejected_where_they_are_known():
    given = prepared(config())
    files = (DataFile("a", 100, 5), DataFile("b", 200, None))
    given.traffic.unreadable = tuple(UnreadableFile(file, "is damaged", file.num_rows or 9) for file in files)
    account = built_from(given).summary.reconciliation
    assert account.rejected == {"unknown_value": 2, "null_without_default": 1, "unreadable_file": 5}
    assert (account.read, account.unaccounted, account.bad_rows) == (15, 0, 14)
    assert account.unreadable == (UnreadFile("a", "is damaged", 5, 5), UnreadFile("b", "is damaged", None, 9))


def test_a_run_says_what_it_was_and_how_long_it_took():
    summary = built().summary
    assert (summary.run_id, summary.config_sha256, summary.baseline) == ("run7", "c" * 64, "prod")
    assert summary.output == config().output
    assert summary.started == datetime(2026, 11, 20, 13, tzinfo=UTC)
    assert summary.finished == datetime(2026, 11, 20, 13, 0, 10, 500_000, tzinfo=UTC)
    # In milliseconds; a stage that was not measured took none, and what else tasks counted is no time.
    assert summary.timings == Timings(read=1.235, diff=2.0, wall=10.0)


def test_what_was_measured_is_passed_on():
    data = built()
    summary = data.summary
    assert (data.rows, data.worst_rows) == ((ROW,), (WORST,))
    assert {name: found.rows for name, found in summary.variants.items()} == {
        "prod": 4,
        "next": 5,
        "ramp": 6,
        "prod/null": 7,
    }
    assert isinstance(summary.variants["prod"], VariantSummary)
    assert summary.tolerance == ToleranceSummary(0.5, 0.25)
    assert summary.bucket_seconds == 120.0
    assert summary.online_metrics == {"auc": MetricValue(0.75, None, None, 4)}
    assert summary.noise_floor == NoiseFloorSummary(1e-7, 1e-6)
    assert summary.incidents == (INCIDENT,)
    assert summary.skew_matrix == SkewMatrix({}, (), "mean_abs", ())
    assert [effect.family for effect in summary.sensitivity] == ["counts"]


def test_what_was_not_measured_is_none():
    found = compared(bucket=None)
    bare = Compared(None, found.tolerance, found.diff, [], Effects())
    data = built(found=bare, diagnosed=Diagnosed())
    summary = data.summary
    assert (summary.bucket_seconds, summary.noise_floor, summary.skew_matrix) == (None, None, None)
    assert (summary.incidents, summary.sensitivity, data.worst_rows) == ((), (), ())


def test_warnings_come_from_rejects_then_checkpoints_then_tasks_then_the_search_then_the_diff():
    rejected, stamped, first, *others = built().summary.warnings
    assert stamped == "checkpoint `prod` was stamped"
    assert rejected == "3 of 7 rows (42.9%) are rejected"
    assert first.startswith("checkpoint next: a row's score depends on the rows it is batched with (by up to 0.5)")
    assert others == [
        "scenario late: 1,234 rows have no value that is old enough: they got `missing`",
        "scenario scaled: the model's contract refuses 5 of the changed rows: they score NaN",
        "incidents were searched for in 50.0% of the rows",
        "buckets were widened to 2 min",
    ]
    assert built().summary.refused is None


def test_a_run_that_rejects_more_than_it_may_gives_no_verdict_and_says_so_first():
    features = {"x1": FeatureRejects({"unknown_value": 2}, "'a'", {"id": 7})}
    found = replace(compared(), rejects=features)
    summary = built(config(engine={"max_rejected": 0.4}), found).summary
    assert summary.refused == (
        "3 of 7 rows (42.9%) are rejected: x1 in 2 rows (unknown_value, such as 'a' at id=7); "
        "`engine.max_rejected` allows 40%"
    )
    assert summary.warnings[0] == f"no verdict: {summary.refused}"
    assert summary.reconciliation.rejected_by_feature == features


def test_features_that_hold_nothing_are_told():
    given = prepared(config())
    given.all_null = ("x2",)
    assert "x2 is null in every row" in built_from(given).summary.warnings


def test_the_traffic_is_described_as_it_was_pinned_and_selected():
    assert built().summary.traffic == TrafficSummary(
        path="/data/t",
        table=None,
        format="delta",
        delta_version=41,
        window=TimeRange(START, None),
        where="surface = 'home'",
        sample_rate=0.5,
    )
    plain = {"traffic__window": None, "traffic__where": None, "traffic__sample": None}
    traffic = built(config(**plain)).summary.traffic
    assert (traffic.window, traffic.where, traffic.sample_rate) == (None, None, None)


def test_checkpoints_come_with_what_a_reader_should_know():
    found = built().summary.checkpoints
    assert list(found) == ["prod", "next", "ramp"]
    assert found["prod"] == CheckpointSummary(
        "torch.export", "sha of prod", 13, "/models/prod", contract_sha256=contract_fingerprint(config().model)
    )
    assert found["next"].notes == (
        "set aside, not read: optimizer (dict), epoch",
        "1,200 values that are not finite in q.weight",
        "12 names start with module.",
    )


@pytest.mark.parametrize(
    ("route", "same"),
    [
        ({"route": {"prod": 0.75, "next": 0.25}, "by": ["surface"]}, True),
        ({"route": {"prod": 0.5, "next": 0.5}, "by": ["surface"]}, False),
        ({"route": {"prod": 0.75, "next": 0.25}, "by": ["item"]}, False),
        ({"route": {"prod": 0.75, "next": 0.25}, "by": ["surface"], "salt": "b"}, False),
    ],
)
def test_a_route_is_known_by_where_it_sends_rows(route: dict[str, Any], same: bool):
    before = built().summary.checkpoints["ramp"]
    assert (before.format, before.parameters, before.path) == ("route", None, None)
    assert before.notes == ("each row to one of prod 0.75, next 0.25, by surface",)
    after = built(config(checkpoints__ramp=route)).summary.checkpoints["ramp"]
    assert (after.sha256 == before.sha256) == same
