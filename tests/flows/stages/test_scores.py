"""Rows scored into the scores table: what is checked on the way, and what is left of it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

import replay
from replay.config import ReplayConfig, build_config
from replay.errors import RunFailed, TrafficError
from replay.flows.stages import scores as module
from replay.flows.stages.scores import ScoresTable, score_rows
from replay.report.terminal.progress import make_progress
from replay.scoring import Variant
from replay.scoring.table import waves
from replay.scoring.table.tally import TallyPlan
from replay.scoring.table.waves import Scored
from replay.store import LiveFile
from replay.store.commits import live_files
from replay.traffic import DataFile, KeyFingerprint, TrafficCheck
from tests.flows.case import config_data, write_case

SCHEMA = pa.schema([("request_id", pa.string()), ("online_score", pa.float64()), ("prod", pa.float32())])
FILES = (LiveFile("part-000000-a.parquet", 10, 600), LiveFile("part-000001-b.parquet", 7, 400))
KEYS = KeyFingerprint(1_000, 3, 5)
SCORED = Scored(
    FILES, KEYS, keys_in_doubt=False, times=(0, 1_000_000), first=None, totals={"read": 0.5, "encode": 0.25}
)
CHECK = TrafficCheck(1_200, 1_000, KEYS, None, None)


def scores_table(**changes: Any) -> ScoresTable:
    given: dict[str, Any] = {
        "spark": "session",
        "path": "/out/scores",
        "run_id": "run7",
        "schema": SCHEMA,
        "files": FILES,
        "check": CHECK,
        "scratch": "/out/.scratch",
    }
    return ScoresTable(**{**given, **changes})


class TestTable:
    def test_tasks_read_the_files_that_tasks_wrote(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(module, "FileBatches", lambda *given: given)
        monkeypatch.setattr(module, "open_traffic", lambda *_: pytest.fail("asked Spark for the files"))
        assert scores_table().batches == (
            "session",
            [
                DataFile("/out/scores/part-000000-a.parquet", 10, 600),
                DataFile("/out/scores/part-000001-b.parquet", 7, 400),
            ],
            SCHEMA,
            "/out/.scratch",
        )

    def test_what_spark_wrote_is_opened_as_any_table(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(module, "open_traffic", lambda spark, config: (spark, config.path))
        monkeypatch.setattr(module, "TableBatches", lambda spark, traffic: (spark, traffic))
        assert scores_table(files=None).batches == ("session", ("session", "/out/scores"))

    @pytest.mark.spark
    def test_its_rows_are_the_same_however_tasks_get_them(self, spark: SparkSession, tmp_path: Path):
        rows = pa.table([["a", "b"], [0.5, None], [0.25, 1.0]], schema=SCHEMA)
        files = []
        for number in range(2):
            path = tmp_path / f"part-00000{number}.parquet"
            pq.write_table(rows.slice(number, 1), path)
            files.append(LiveFile(path.name, path.stat().st_size, 1))

        def packed(batches: Iterable[pa.RecordBatch]) -> bytes:
            return json.dumps([row for batch in batches for row in batch.to_pylist()]).encode()

        for held in (tuple(files), None):
            batches = scores_table(spark=spark, path=str(tmp_path), files=held).batches
            found = [
                row for state in batches.fold(("prod", "request_id"), packed, b"".join) for row in json.loads(state)
            ]
            assert found == [{"prod": 0.25, "request_id": "a"}, {"prod": 1.0, "request_id": "b"}]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Tasks and Spark, which are not there. What was done, in order."""
    done = SimpleNamespace(steps=[], direct=True, scored=SCORED, refusal=None, given=None)

    def score_to_files(*given: Any) -> Scored:
        done.steps.append("tasks scored")
        done.given = given
        return done.scored

    def check_counted(_spark: Any, _traffic: Any, _config: Any, *found: Any) -> TrafficCheck:
        done.steps.append(("checked", *found))
        return CHECK

    def check_traffic(*_: Any) -> TrafficCheck:
        done.steps.append("Spark checked")
        if done.refusal is not None:
            raise done.refusal
        return CHECK

    def score_through_spark(*given: Any) -> dict[str, float]:
        done.steps.append("Spark scored")
        done.given = given
        return {"read": 2.0}

    def remove_orphans(*given: Any) -> None:
        done.steps.append(("removed orphans", *given))

    monkeypatch.setattr(module, "scoring_plan", lambda plan, _: plan)
    monkeypatch.setattr(module, "is_direct", lambda _, path: done.direct)
    monkeypatch.setattr(module, "score_to_files", score_to_files)
    monkeypatch.setattr(module, "check_counted", check_counted)
    for name in ("check_selected", "check_traffic"):
        monkeypatch.setattr(module, name, check_traffic)
    monkeypatch.setattr(module, "spark_location", lambda _, path: path)
    monkeypatch.setattr(module, "score_through_spark", score_through_spark)
    monkeypatch.setattr(module, "remove_orphans", remove_orphans)
    done.output = SimpleNamespace(
        table=lambda name: f"/out/{name}",
        digests=lambda: "/out/.key-digests",
        scratch=lambda: "/out/.scratch",
        discard=lambda: done.steps.append("discarded"),
        drop_digests=lambda: done.steps.append("dropped digests"),
    )
    return done


def config(**changes: Any) -> ReplayConfig:
    return build_config(config_data(**changes), "/base")


def scored(
    world: SimpleNamespace,
    given: ReplayConfig | None = None,
    num_rows: int | None = 1_000,
    splits: tuple[str, ...] = ("split",),
) -> ScoresTable:
    work = SimpleNamespace(schema=lambda: SCHEMA, variants=(Variant("prod", "prod"),))
    prepared: Any = SimpleNamespace(
        config=given or config(),
        job=SimpleNamespace(work=work),
        plan=SimpleNamespace(splits=splits, num_rows=1_100, columns=("request_id", "online_score")),
        traffic=SimpleNamespace(num_rows=num_rows, computed=()),
        spark="session",
        scan="scan",
    )
    manifest: Any = SimpleNamespace(run_id="run7")
    return score_rows(prepared, world.output, manifest, make_progress(quiet=True))


def test_tasks_write_the_table_and_count_its_rows(world: SimpleNamespace):
    table = scored(world)
    assert table == scores_table(totals={"read": 0.5, "encode": 0.25})
    assert world.steps == [
        "tasks scored",
        ("checked", KEYS, (0, 1_000_000), 0),
        "dropped digests",
        ("removed orphans", "/out/scores", "run7"),
    ]
    _, _, scan, _, files, run_id, commit_rows, rows, _, _ = world.given
    assert (scan, run_id, commit_rows, rows) == ("scan", "run7", config().engine.commit_rows, 1_100)
    assert (files.table, files.digests, files.schema) == ("/out/scores", "/out/.key-digests", SCHEMA)
    assert files.indexed == 2  # the two columns beside the variant's
    assert (files.tally.key, files.tally.time, files.tally.worst_rows) == (("request_id",), "event_time", 100)
    assert files.tally.spec.tolerance == config().diff.tolerance


def test_a_tolerance_that_is_measured_later_leaves_the_comparison_for_later(world: SimpleNamespace):
    scored(world, config(diff__tolerance="auto"))
    assert world.given[4].tally == TallyPlan(("request_id",), "event_time", None, 100)


@pytest.mark.parametrize("rows", [999, 1_001, 0])
def test_other_rows_than_the_files_have_are_refused(rows: int, world: SimpleNamespace):
    world.scored = replace(SCORED, keys=KeyFingerprint(rows, 3, 5))
    with pytest.raises(RunFailed) as caught:
        scored(world)
    assert str(caught.value) == (
        f"{rows} rows were read, the traffic has 1,000: its files changed while they were read; use --overwrite to "
        "start afresh"
    ).replace("1001", "1,001")
    assert world.steps == ["tasks scored"]


@pytest.mark.parametrize(
    "changes",
    [
        {"traffic__where": "surface = 'home'"},
        {"traffic__sample": {"rate": 0.5}},
        {"traffic__window": {"start": "2025-11-20T10:01:00Z"}},
    ],
    ids=["where", "sample", "window"],
)
def test_what_the_config_leaves_out_is_not_missing(changes: dict[str, Any], world: SimpleNamespace):
    world.scored = replace(SCORED, keys=KeyFingerprint(300, 3, 5))
    assert scored(world, config(**changes)).check == CHECK


def test_rows_that_nobody_counted_are_not_missing(world: SimpleNamespace):
    assert scored(world, num_rows=None).check == CHECK


def test_refused_traffic_leaves_nothing_to_go_on_with(world: SimpleNamespace):
    world.scored = replace(SCORED, keys_in_doubt=True)
    world.refusal = TrafficError("the key is not unique")
    with pytest.raises(TrafficError, match="the key is not unique"):
        scored(world)
    assert world.steps[-1] == "discarded"


def test_digests_that_repeat_by_chance_are_no_duplicates(world: SimpleNamespace):
    world.scored = replace(SCORED, keys_in_doubt=True)
    assert scored(world).check == CHECK
    assert world.steps[:3] == ["tasks scored", "Spark checked", "dropped digests"]


@pytest.mark.parametrize("same", [True, False])
def test_where_spark_reads_digests_that_repeat_may_be_of_one_row_that_came_twice(
    same: bool, world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
):
    """Then another row did not come, and the number of rows says nothing."""
    world.scored = replace(SCORED, keys_in_doubt=True)
    found = CHECK.keys if same else replace(CHECK.keys, xor=CHECK.keys.xor ^ 1)
    monkeypatch.setattr(module, "read_table", lambda _, path: path)
    monkeypatch.setattr(
        module, "key_fingerprint", lambda table, key: {("/out/scores", ("request_id",)): found}[table, key]
    )
    if same:
        assert scored(world, splits=()).check == CHECK
    else:
        with pytest.raises(RunFailed, match="not the same each time that it is read"):
            scored(world, splits=())


def test_another_failure_of_the_check_leaves_what_there_is(world: SimpleNamespace):
    """The same run may go on: nothing says that its rows are wrong."""
    world.scored = replace(SCORED, keys_in_doubt=True)
    world.refusal = RunFailed("Spark is gone")
    with pytest.raises(RunFailed):
        scored(world)
    assert "discarded" not in world.steps


def test_where_only_spark_writes_it_reads_keys_first(world: SimpleNamespace):
    world.direct = False
    table = scored(world)
    assert world.steps == ["Spark checked", "Spark scored"]
    assert table == scores_table(files=None, totals={"read": 2.0})
    assert world.given[4:8] == ("/out/scores", "run7", config().engine.commit_rows, 1_000)


def left_in(output: Path) -> list[str]:
    return sorted(path.name for path in output.iterdir()) if output.exists() else []


def with_key(table: pa.Table, keys: dict[int, str | None]) -> pa.Table:
    """The table with other keys in some rows."""
    ids = table["request_id"].to_pylist()
    for place, key in keys.items():
        ids[place] = key
    return table.set_column(0, "request_id", pa.array(ids, pa.string()))


REFUSED: dict[str, tuple[dict[int, str | None], str]] = {
    "twice in a file": ({7: "r000005"}, r"2 rows share 1 keys, for example request_id='r000005' \(2 rows\)"),
    "in files of two waves": ({3_999: "r000005"}, r"2 rows share 1 keys, for example request_id='r000005' \(2 rows\)"),
    "null": ({2_100: None}, "the key is null in 1 rows, for example request_id=null"),
}


@pytest.mark.spark
@pytest.mark.parametrize("reader", ["direct", "spark"])
@pytest.mark.parametrize("case", list(REFUSED))
def test_keys_that_tell_no_rows_apart_are_named_and_leave_nothing(
    case: str, reader: str, spark: SparkSession, table: pa.Table, tmp_path: Path
):
    keys, message = REFUSED[case]
    config = write_case(tmp_path, with_key(table, keys))
    with pytest.raises(TrafficError, match=message):
        replay.run(config, overrides=["engine.commit_rows=700", f"engine.reader={reader}"])
    assert left_in(tmp_path / "out") == ["verdict.json"]


def dying_at(wave: int) -> Any:
    append = waves.append_files

    def dies(path: str, schema: pa.Schema, files: Any, run_id: str, number: int, indexed: int, **more: Any) -> None:
        if number == wave:
            raise RunFailed("killed")
        append(path, schema, files, run_id, number, indexed, **more)

    return dies


@pytest.mark.spark
def test_a_key_that_an_earlier_attempt_scored_is_seen_by_the_next(
    spark: SparkSession, table: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    config = write_case(tmp_path, with_key(table, {3_999: "r000005"}))
    with monkeypatch.context() as patched:
        patched.setattr(waves, "append_files", dying_at(2))
        with pytest.raises(RunFailed, match="killed"):
            replay.run(config, overrides=["engine.commit_rows=700"])
    assert "manifest.json" in left_in(tmp_path / "out")
    with pytest.raises(TrafficError, match="r000005"):
        replay.run(config, overrides=["engine.commit_rows=700"])
    assert left_in(tmp_path / "out") == ["verdict.json"]


def files_of(scores: Path) -> list[str]:
    """All files beside the log, hidden or not."""
    return sorted(path.name for path in scores.iterdir() if path.is_file())


@pytest.mark.spark
def test_files_that_no_commit_names_are_gone_after_a_run_and_digests_too(
    spark: SparkSession, table: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Those of a killed run's unfinished wave, and of tasks that were killed as they wrote."""
    config, out = write_case(tmp_path, table), tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr(waves, "append_files", dying_at(2))
        with pytest.raises(RunFailed, match="killed"):
            replay.run(config, overrides=["engine.commit_rows=700"])
    committed = [file.path for file in live_files(str(out / "scores"))]
    assert len(committed) == 4  # two waves of two row groups each
    assert len(files_of(out / "scores")) > 4  # the third wave's are written, and not committed
    whole = f"part-000009-{uuid.uuid4()}.snappy.parquet"
    pq.write_table(pa.table({"request_id": ["x"]}), out / "scores" / whole)
    (out / "scores" / f".part-000008-{uuid.uuid4()}.snappy.parquet.unfinished").write_bytes(b"half a file")

    result = replay.run(config, overrides=["engine.commit_rows=700"])
    live = [file.path for file in live_files(str(out / "scores"))]
    assert len(live) == 8
    assert set(committed) < set(live)
    assert files_of(out / "scores") == live
    assert ".key-digests" not in left_in(out)
    assert result.scores.count() == table.num_rows


@pytest.mark.spark
def test_what_spark_scans_is_written_by_tasks_too(spark: SparkSession, table: pa.Table, tmp_path: Path):
    config = write_case(tmp_path, table)
    result = replay.run(config, overrides=["engine.reader=spark"])
    files = live_files(str(tmp_path / "out" / "scores"))
    assert all(file.path.startswith("part-00000") for file in files)
    assert sum(file.num_rows for file in files) == table.num_rows
    assert spark.sql(f"DESCRIBE HISTORY delta.`{result.output}/scores`").count() == 1
