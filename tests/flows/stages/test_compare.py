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
from replay.diff.spec import DiffSpec
from replay.diff.worst import RowDelta
from replay.errors import RunFailed, TrafficError
from replay.flows.options import Options
from replay.flows.stages import compare as module
from replay.flows.stages.compare import Compared, compare
from replay.flows.stages.effects import Effects
from replay.flows.stages.scores import ScoresTable
from replay.report.summary import FeatureRejects
from replay.report.summary.data import WorstRow
from replay.report.terminal.progress import make_progress
from replay.scoring import Variant
from replay.store import LiveFile
from replay.traffic import KeyFingerprint, TrafficCheck
from tests.flows.case import config_data

KEYS = KeyFingerprint(rows=1_000, sum=3, xor=5)
FILES = (LiveFile("part-000000-a.parquet", 10, 600), LiveFile("part-000001-b.parquet", 7, 400))
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def config(**changes: Any) -> ReplayConfig:
    return build_config(config_data(**changes), "/base")


def prepared(given: ReplayConfig) -> Any:
    return SimpleNamespace(
        config=given,
        options=Options(allow_pickle=True),
        output=given.output,
        spark=None,
        job=SimpleNamespace(work=SimpleNamespace(variants=(Variant("prod", "prod"),))),
        traffic="pinned",
        plan=SimpleNamespace(columns=("request_id", "x0")),
        features=("x0",),
    )


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A scores table, which holds what a test puts there, and what was asked of it."""
    held = SimpleNamespace(
        foreign=[],
        files=FILES,
        live=list(FILES),
        keys=KEYS,
        first=None,
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

    def measure_noise_sample(_prepared: Any, scores: Any, total: int) -> Any:
        held.asked.append(f"noise of {total} rows of {scores}")
        return held.noise

    def diff_scores(batches: Any, spec: DiffSpec, key: Any, worst_rows: int, first: Any) -> Any:
        held.asked.append((batches, first, spec.tolerance, key, worst_rows))
        return held.diff

    def find_rows(_spark: Any, traffic: str, keys: Any, columns: Any) -> pa.Table:
        held.asked.append((traffic, keys, columns))
        return held.logged

    monkeypatch.setattr(module, "session_pool", lambda _, workers: ThreadPoolExecutor(workers))
    monkeypatch.setattr(module, "read_table", lambda _, path: f"table at {path}")
    monkeypatch.setattr(ScoresTable, "batches", "the table as tasks have it")
    monkeypatch.setattr(module, "live_files", lambda _: held.live)
    monkeypatch.setattr(module, "foreign_commits", foreign_commits)
    monkeypatch.setattr(module, "key_fingerprint", lambda *_: held.keys)
    monkeypatch.setattr(module, "measure_noise_sample", measure_noise_sample)
    monkeypatch.setattr(module, "diff_scores", diff_scores)
    monkeypatch.setattr(module, "measure_effects", lambda *_: Effects())
    monkeypatch.setattr(module, "find_rows", find_rows)
    monkeypatch.setattr(module, "rejects_by_feature", lambda *_: held.rejects)
    return held


def compared(table: SimpleNamespace, given: ReplayConfig | None = None, *, diagnosing: bool = False) -> Compared:
    spark: Any = None
    scores = ScoresTable(
        spark=spark,
        path="/out/scores",
        run_id="run7",
        schema=pa.schema([]),
        files=table.files,
        check=TrafficCheck(1_200, 1_000, KEYS, None, None),
        scratch="/out/.scratch",
        first=table.first,
    )
    return compare(prepared(given or config()), scores, make_progress(quiet=True), diagnosing=diagnosing)


def test_a_whole_table_is_compared_while_it_is_proven_beside(table: SimpleNamespace):
    found = compared(table)
    assert found == Compared(None, Tolerance(abs=1e-5, rel=1e-4), table.diff, [], Effects())
    assert set(table.asked) == {
        ("/out/scores", "run7"),
        ("the table as tasks have it", None, Tolerance(abs=1e-5, rel=1e-4), ("request_id",), 100),
    }
    assert table.proven_in is not threading.main_thread()


def test_a_first_pass_that_was_made_with_the_scores_is_not_made_again(table: SimpleNamespace):
    table.first = "sums and worst rows"
    compared(table)
    assert [asked[1] for asked in table.asked if asked[0] == "the table as tasks have it"] == ["sums and worst rows"]


@pytest.mark.parametrize(
    ("live", "rows"),
    [
        ([FILES[0]], 600),
        ([*FILES, LiveFile("part-000002-c.parquet", 1, 1)], 1_001),
        ([FILES[0], LiveFile("part-000001-c.parquet", 7, 400)], 1_000),
        ([FILES[0], LiveFile("part-000001-b.parquet", 7, 399)], 999),
    ],
)
def test_other_files_than_the_tasks_wrote_are_refused(live: list[LiveFile], rows: int, table: SimpleNamespace):
    table.live = live
    with pytest.raises(RunFailed, match=f"the scores table holds {rows:,} rows, the selected traffic 1,000"):
        compared(table)


def test_files_are_the_same_in_any_order_of_tasks(table: SimpleNamespace):
    table.files = FILES[::-1]
    compared(table)


def test_fewer_rows_than_were_selected_are_refused_though_the_files_are_those(table: SimpleNamespace):
    table.files = FILES[:1]
    table.live = [FILES[0]]
    with pytest.raises(RunFailed, match="the scores table holds 600 rows"):
        compared(table)


def test_commits_of_another_run_are_named(table: SimpleNamespace):
    table.foreign = ["run6, version 3", "run5, version 4"]
    with pytest.raises(RunFailed) as caught:
        compared(table)
    assert str(caught.value) == (
        "/out/scores also holds commits that are not of this run (run6, version 3): something else wrote to the "
        "output; use --overwrite to start afresh"
    )


@pytest.mark.parametrize(
    "keys", [KeyFingerprint(1_001, 3, 5), KeyFingerprint(1_000, 4, 5), KeyFingerprint(1_000, 3, 6)]
)
def test_rows_too_many_or_other_keys_are_refused_where_spark_wrote_them(keys: KeyFingerprint, table: SimpleNamespace):
    table.files, table.keys = None, keys
    with pytest.raises(RunFailed) as caught:
        compared(table)
    assert str(caught.value) == (
        f"the scores table holds {keys.rows:,} rows, the selected traffic 1,000, or other keys: files of the traffic "
        "changed while it was read, or the output was written to; use --overwrite to start afresh"
    )


def test_when_nothing_was_scored_the_reasons_are_counted(table: SimpleNamespace):
    table.diff.result = SimpleNamespace(rows=0, rejected={"null_without_default": 1_200, "unknown_value": 3})
    table.rejects = {"x1": FeatureRejects({"null_without_default": 1_200}, "null", {"request_id": "r1"})}
    with pytest.raises(TrafficError) as caught:
        compared(table)
    assert str(caught.value) == (
        "no row could be scored: 1,203 of 1,203 rows (100%) are rejected: x1 in 1,200 rows (null, such as at "
        "request_id=r1); `replay validate` prints what would accept them"
    )


def test_a_table_that_is_not_this_runs_is_told_before_what_it_holds(table: SimpleNamespace):
    table.diff.result = SimpleNamespace(rows=0, rejected={"unknown_value": 3})
    table.foreign = ["run6"]
    with pytest.raises(RunFailed, match="not of this run"):
        compared(table)


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
    found = compared(table, config(diff__tolerance=tolerance), diagnosing=diagnosing)
    assert ("noise of 1000 rows of the table as tasks have it" in table.asked) == measured
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
    found = compared(table).worst
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
