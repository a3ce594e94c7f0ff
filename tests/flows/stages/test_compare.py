"""The scores table is proven to be this run's before anything is said of it; what scored nothing is refused."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from replay.config import ReplayConfig, Tolerance, build_config
from replay.diff.spec import DiffSpec, VariantColumn
from replay.diff.worst import RowDelta
from replay.errors import RunFailed, TrafficError
from replay.flows.options import Options
from replay.flows.stages import compare as module
from replay.flows.stages.compare import Compared, compare, diff_spec
from replay.flows.stages.effects import Effects
from replay.report.summary import FeatureRejects
from replay.report.summary.data import WorstRow
from replay.report.terminal.progress import make_progress
from replay.scoring import Variant
from replay.traffic import KeyFingerprint
from tests.flows.case import config_data

KEYS = KeyFingerprint(rows=1_000, sum=3, xor=5)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def config(**changes: Any) -> ReplayConfig:
    return build_config(config_data(**changes), "/base")


def prepared(given: ReplayConfig, *variants: Variant) -> Any:
    return SimpleNamespace(
        config=given,
        options=Options(allow_pickle=True),
        output=given.output,
        spark=None,
        job=SimpleNamespace(work=SimpleNamespace(variants=variants or (Variant("prod", "prod"),))),
        traffic="pinned",
        plan=SimpleNamespace(columns=("request_id", "x0")),
        features=("x0",),
    )


class TestSpec:
    def test_all_that_the_config_says(self):
        given = config(
            traffic__weight="w", traffic__group="g", diff__bucket="90s", checkpoints__next={"path": "next.pt2"}
        )
        variants = (Variant("prod", "prod"), Variant("next", "next"), Variant("prod/null", "prod", "null"))
        assert diff_spec(prepared(given, *variants), Tolerance(abs=0.5, rel=0.25)) == DiffSpec(
            online="online_score",
            variants=(
                VariantColumn("prod", "prod"),
                VariantColumn("next", "next"),
                VariantColumn("prod/null", "prod/null", "prod"),
            ),
            baseline="prod",
            tolerance=Tolerance(abs=0.5, rel=0.25),
            label="label",
            weight="w",
            group="g",
            time="event_time",
            bucket_us=90_000_000,
            segments=("surface",),
            rejected="rejected",
        )

    def test_what_the_config_does_not_name_is_not_read(self):
        bare = config(traffic={"path": "t", "key": ["id"], "score": "s"})
        assert diff_spec(prepared(bare), Tolerance()).columns == ("s", "rejected", "prod")


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A scores table, which holds what a test puts there, and what was asked of it."""
    held = SimpleNamespace(
        foreign=[],
        keys=KEYS,
        diff=SimpleNamespace(result=SimpleNamespace(rows=990, rejected={"unknown_value": 10}), worst={}),
        noise=None,
        asked=[],
        proven_in=None,
        rejects={},
        logged=pa.table({"request_id": pa.array([], pa.string()), "x0": pa.array([], pa.float32())}),
    )

    def foreign_commits(_: Any, path: str, run_id: str) -> list[str]:
        held.asked.append((path, run_id))
        held.proven_in = threading.current_thread()
        return held.foreign

    def measure_noise_sample(_prepared: Any, _scores: Any, total: int) -> Any:
        held.asked.append(f"noise of {total} rows")
        return held.noise

    def diff_scores(scores: str, spec: DiffSpec, key: Any, worst_rows: int, _batches: Any) -> Any:
        held.asked.append((scores, spec.tolerance, key, worst_rows))
        return held.diff

    def find_rows(_spark: Any, traffic: str, keys: Any, columns: Any) -> pa.Table:
        held.asked.append((traffic, keys, columns))
        return held.logged

    monkeypatch.setattr(module, "session_pool", lambda _, workers: ThreadPoolExecutor(workers))
    monkeypatch.setattr(module, "read_table", lambda _, path: f"table at {path}")
    monkeypatch.setattr(module, "open_traffic", lambda *_: "the table as traffic")
    monkeypatch.setattr(module, "foreign_commits", foreign_commits)
    monkeypatch.setattr(module, "key_fingerprint", lambda *_: held.keys)
    monkeypatch.setattr(module, "measure_noise_sample", measure_noise_sample)
    monkeypatch.setattr(module, "diff_scores", diff_scores)
    monkeypatch.setattr(module, "measure_effects", lambda *_: Effects())
    monkeypatch.setattr(module, "find_rows", find_rows)
    monkeypatch.setattr(module, "rejects_by_feature", lambda *_: held.rejects)
    return held


def compared(given: ReplayConfig | None = None, *, diagnosing: bool = False) -> Compared:
    check: Any = SimpleNamespace(rows_selected=1_000, keys=KEYS)
    progress = make_progress(quiet=True)
    return compare(prepared(given or config()), check, "/out/scores", "run7", progress, diagnosing=diagnosing)


def test_a_whole_table_is_compared_while_it_is_proven_beside(table: SimpleNamespace):
    found = compared()
    assert found == Compared(None, Tolerance(abs=1e-5, rel=1e-4), table.diff, [], Effects())
    assert set(table.asked) == {
        ("/out/scores", "run7"),
        ("table at /out/scores", Tolerance(abs=1e-5, rel=1e-4), ("request_id",), 100),
    }
    assert table.proven_in is not threading.main_thread()


def test_commits_of_another_run_are_named(table: SimpleNamespace):
    table.foreign = ["run6, version 3", "run5, version 4"]
    with pytest.raises(RunFailed) as caught:
        compared()
    assert str(caught.value) == (
        "/out/scores also holds commits that are not of this run (run6, version 3): something else wrote to the "
        "output; use --overwrite to start afresh"
    )


@pytest.mark.parametrize(
    "keys", [KeyFingerprint(1_001, 3, 5), KeyFingerprint(1_000, 4, 5), KeyFingerprint(1_000, 3, 6)]
)
def test_rows_too_many_or_other_keys_are_refused(keys: KeyFingerprint, table: SimpleNamespace):
    table.keys = keys
    with pytest.raises(RunFailed) as caught:
        compared()
    assert str(caught.value) == (
        f"the scores table holds {keys.rows:,} rows, the selected traffic 1,000, or other keys: files of the traffic "
        "changed while it was read, or the output was written to; use --overwrite to start afresh"
    )


def test_when_nothing_was_scored_the_reasons_are_counted(table: SimpleNamespace):
    table.diff.result = SimpleNamespace(rows=0, rejected={"null_without_default": 1_200, "unknown_value": 3})
    table.rejects = {"x1": FeatureRejects({"null_without_default": 1_200}, "null", {"request_id": "r1"})}
    with pytest.raises(TrafficError) as caught:
        compared()
    assert str(caught.value) == (
        "no row could be scored: 1,203 of 1,203 rows (100%) are rejected: x1 in 1,200 rows (null, such as at "
        "request_id=r1); `replay validate` prints what would accept them"
    )


def test_a_table_that_is_not_this_runs_is_told_before_what_it_holds(table: SimpleNamespace):
    table.diff.result = SimpleNamespace(rows=0, rejected={"unknown_value": 3})
    table.foreign = ["run6"]
    with pytest.raises(RunFailed, match="not of this run"):
        compared()


@pytest.mark.parametrize(
    ("tolerance", "diagnosing", "measured", "expected"),
    [
        ("auto", False, True, Tolerance(abs=0.25, rel=0.0)),
        ("auto", True, True, Tolerance(abs=0.25, rel=0.0)),
        ({"abs": 0.5}, True, True, Tolerance(abs=0.5)),
        ({"abs": 0.5}, False, False, Tolerance(abs=0.5)),
    ],
)
def test_noise_is_measured_for_a_tolerance_or_a_search(
    tolerance: Any, diagnosing: bool, measured: bool, expected: Tolerance, table: SimpleNamespace
):
    table.noise = SimpleNamespace(measured=SimpleNamespace(tolerance=Tolerance(abs=0.25, rel=0.0)))
    found = compared(config(diff__tolerance=tolerance), diagnosing=diagnosing)
    assert ("noise of 1000 rows" in table.asked) == measured
    assert found.noise is (table.noise if measured else None)
    assert found.tolerance == expected


def test_the_worst_rows_come_with_what_was_logged(table: SimpleNamespace):
    """A row that is among the worst of two variants is looked up once; one that is not found has no features."""

    def delta(variant: str, request: str, kind: str = "beyond_tolerance") -> RowDelta:
        return RowDelta(variant, kind, {"request_id": request}, NOON, 0.5, 0.75, 0.25)

    table.diff.worst = {
        "prod": (delta("prod", "r2", "non_finite"), delta("prod", "r1")),
        "prod/null": (delta("prod/null", "r2"), delta("prod/null", "gone")),
    }
    table.logged = pa.table({"request_id": ["r1", "r2"], "x0": pa.array([1.0, None])})
    found = compared().worst
    assert [(row.variant, row.key["request_id"], row.features) for row in found] == [
        ("prod", "r2", {"x0": None}),
        ("prod", "r1", {"x0": 1.0}),
        ("prod/null", "r2", {"x0": None}),
        ("prod/null", "gone", {}),
    ]
    (keys,) = [asked[1] for asked in table.asked if asked[0] == "pinned"]
    assert [key["request_id"] for key in keys] == ["r2", "r1", "gone"]
    assert found[0] == WorstRow(
        variant="prod",
        key={"request_id": "r2"},
        time=NOON,
        online=0.5,
        replayed=0.75,
        delta=0.25,
        features={"x0": None},
        command=found[0].command,
        kind="non_finite",
    )
    assert found[0].command == "replay row /base/out --key request_id=r2 --allow-pickle"
