"""A Spark session that runs already: used as it is, left as it was, and the same results in any of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pyspark import SparkContext
from pyspark.sql import SparkSession

import replay
from replay.errors import UsageError
from replay.flows.finished.judge import judge_output
from replay.flows.options import Options
from replay.spark.guest import (
    active,
    arrow_dataframe,
    at_work,
    private_session,
    running_context,
    running_session,
    session_pool,
)
from replay.spark.session import spark_session, start_session
from tests.flows.case import START_US, config_data, expected_scores, make_table, write_case
from tests.spark.guest_state import differences, snapshot

pytestmark = pytest.mark.spark

# None as Spark has it by default, and each of them changes what Spark answers somewhere.
ODD = {
    "spark.sql.session.timeZone": "America/Los_Angeles",
    "spark.sql.ansi.enabled": "false",
    "spark.sql.caseSensitive": "true",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.datetime.java8API.enabled": "true",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "13",
    "spark.sql.execution.arrow.useLargeVarTypes": "true",
    "spark.sql.legacy.timeParserPolicy": "LEGACY",
    "spark.sql.parquet.binaryAsString": "true",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "false",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MILLIS",
    "spark.sql.parser.quotedRegexColumnNames": "true",
    "spark.sql.shuffle.partitions": "7",
    "spark.sql.sources.default": "csv",
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
    "spark.sql.sources.partitionOverwriteMode": "dynamic",
}
ROWS = 600
MODEL = config_data()["model"]
T = TypeVar("T")


@pytest.fixture
def odd(spark: SparkSession) -> Iterator[SparkSession]:
    """A user's session: not the default one, with settings, a view and a job group of theirs, active in this thread."""
    session = spark.newSession()
    for key, value in ODD.items():
        session.conf.set(key, value)
    session.range(3).createOrReplaceTempView("mine")
    session.sparkContext.setJobGroup("nightly", "theirs")
    try:
        with active(session):
            yield session
    finally:
        for name in ("spark.jobGroup.id", "spark.job.description", "spark.job.interruptOnCancel"):
            spark.sparkContext.setLocalProperty(name, None)


def elsewhere(work: Callable[[], T]) -> T:
    """Do something in another thread, in which no session is active."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def write_zones(directory: Path) -> tuple[Path, pa.Table]:
    """A case where all depends on UTC: times without a zone, partitions by day, a condition on a time as text.

    Returns:
        The config, and the rows that it selects.
    """
    table = make_table(rows=ROWS)
    # From 23:30 on, three rows a minute: 90 rows on the first day.
    moments = START_US + 13 * 3_600_000_000 + 1_800_000_000 + np.arange(ROWS) * 20_000_000
    table = table.set_column(1, "event_time", pa.array(moments, pa.timestamp("us")))
    table = table.append_column("seen", pa.array(moments, pa.timestamp("us", "UTC")))
    table = table.append_column("user", pa.array(np.arange(ROWS) % 7))
    changes: dict[str, Any] = {
        "traffic__entity": "user",
        # Half open: rows 0 and 3 are at its ends. Text is read in UTC, upper case names a column too.
        "traffic__window": {"start": "2025-11-20T23:31:00Z", "end": "2025-11-21T02:00:00Z"},
        "traffic__where": "SEEN < '2025-11-21 01:30:00' AND day >= DATE'2025-11-20'",
        "scenarios": {
            "stale": [{"op": "stale", "features": ["x0"], "lag": "10min"}],
            "late": [{"op": "nulls", "features": ["x2"], "where": "hour(seen) = 0"}],
        },
        "gates": [{"variant": "prod", "against": "online", "metric": "mismatch_rate", "max": 1.0}],
    }
    config = write_case(directory, table, **changes)
    for file in (directory / "traffic").iterdir():
        file.unlink()
    for day in ("2025-11-20", "2025-11-21"):
        inside = pc.equal(pc.strftime(table["event_time"], "%Y-%m-%d"), day)
        (directory / "traffic" / f"day={day}").mkdir()
        pq.write_table(table.filter(inside), directory / "traffic" / f"day={day}" / "part.parquet")
    return config, table.slice(3, 360 - 3)


def outcome(result: replay.RunResult) -> dict[str, Any]:
    """What a run found, without what is its own: when it ran, how long, and where it wrote."""
    summary = result.summary.to_dict()
    for name in ("run_id", "timings", "started", "finished", "output", "config_sha256"):
        summary.pop(name, None)
    return summary | {"worst": [(row.variant, row.key, row.time, row.delta) for row in result.data.worst_rows]}


def scores_of(result: replay.RunResult) -> pa.Table:
    """The scores table, as its files have it."""
    files = [
        json.loads(line)
        for log in sorted(Path(result.output, "scores/_delta_log").glob("*.json"))
        for line in log.read_text().splitlines()
    ]
    paths = [entry["add"]["path"] for entry in files if "add" in entry]
    return pa.concat_tables([pq.read_table(Path(result.output, "scores", path)) for path in paths]).sort_by(
        "request_id"
    )


def without_logs_of_others(state: dict[str, Any], own: Path) -> dict[str, Any]:
    """Without what Delta keeps of tables of other tests, which the JVM lets go of when it likes."""
    others = (name for name in state["context"]["persisted"] if str(own) not in name)
    gone = {name for name in others if name.startswith("Delta Table State")}
    kept = [name for name in state["context"]["persisted"] if name not in gone]
    return {**state, "context": {**state["context"], "persisted": kept}}


def test_results_are_the_same_in_a_session_with_other_settings(spark: SparkSession, odd: SparkSession, tmp_path: Path):
    config, selected = write_zones(tmp_path)
    before = snapshot(odd)
    found = replay.run(config, output=str(tmp_path / "odd"))
    assert differences(*(without_logs_of_others(state, tmp_path) for state in (before, snapshot(odd)))) == {}

    assert found.summary.rows == selected.num_rows
    table = scores_of(found)
    assert table["request_id"].to_pylist() == selected["request_id"].to_pylist()
    np.testing.assert_allclose(table["prod"].to_numpy(), expected_scores(selected), atol=1e-6)
    # The hour from midnight on: 180 rows, of which each is changed.
    late = pc.is_valid(table["prod/late"]).to_pylist()
    assert late == [moment.hour == 0 for moment in selected["seen"].to_pylist()]

    scores = found.scores
    assert scores.sparkSession._jsparkSession == odd._jsparkSession
    filled = {row["request_id"]: row["prod/late"] for row in scores.collect()}
    assert sorted(filled) == table["request_id"].to_pylist()
    assert None not in filled.values()

    judged = judge_output(found.output, Options())
    assert [gate.verdict for gate in judged.summary.gates] == [gate.verdict for gate in found.summary.gates]
    assert running_session()._jsparkSession == odd._jsparkSession

    def own() -> replay.RunResult:
        state = snapshot(spark)
        result = replay.run(config, output=str(tmp_path / "own"))
        assert differences(state, snapshot(spark)) == {}
        return result

    # In a thread without an active session, the default one is worked in; it is left as it was as well.
    alike = elsewhere(own)
    assert outcome(found) == outcome(alike)
    assert scores_of(alike).equals(table)


def test_scores_come_back_in_the_session_of_the_dataframe(spark: SparkSession, odd: SparkSession, tmp_path: Path):
    write_zones(tmp_path)
    dataframe = odd.read.parquet(str(tmp_path / "traffic"))
    before = snapshot(odd)
    scored = replay.score(dataframe, str(tmp_path / "prod.pt2"), MODEL)
    assert differences(before, snapshot(odd)) == {}
    assert scored.sparkSession is odd

    logged = dataframe.toArrow().sort_by("request_id")
    table = scored.toArrow().sort_by("request_id")
    assert table.select(logged.column_names).equals(logged)
    np.testing.assert_allclose(table["score"].to_numpy(), expected_scores(logged), atol=1e-6)

    # The session of the DataFrame is not the active one, and another one is.
    with active(spark):
        other = replay.score(dataframe, str(tmp_path / "prod.pt2"), MODEL)
        assert other.sparkSession is odd
        assert running_session() is spark
    assert other.toArrow().sort_by("request_id").equals(table)

    # Rows are scored when they are asked for, under the settings of that moment.
    odd.conf.set("spark.sql.session.timeZone", "Asia/Tokyo")
    odd.conf.set("spark.sql.execution.arrow.useLargeVarTypes", "false")
    later = scored.select("request_id", "seen", "score").toArrow().sort_by("request_id")
    assert later["score"].equals(table["score"])
    assert later["seen"].cast(pa.int64()).equals(table["seen"].cast(pa.int64()))


def test_settings_that_do_not_hold_are_refused_before_any_work(odd: SparkSession, tmp_path: Path):
    asked = {"spark.sql.shuffle.partitions": "9", "spark.executor.instances": "3", "spark.sql.ansi.enabled": "False"}
    with pytest.raises(UsageError) as told:
        replay.run(write_case(tmp_path, make_table(rows=10)), options=Options(conf=asked))
    message = str(told.value)
    assert "spark.sql.shuffle.partitions is '7', asked was '9'" in message
    assert "spark.executor.instances is not set, asked was '3'" in message
    assert "ansi" not in message
    assert [path.name for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")] == ["verdict.json"]


def test_a_master_that_is_another_one_is_refused(spark: SparkSession):
    with pytest.raises(UsageError, match=r"spark.master is 'local\[2,2\]', asked was 'spark://far:7077'"):
        start_session("spark://far:7077")
    assert start_session("local[2,2]", {"spark.sql.shuffle.partitions": " 2"}) is spark


def test_a_secret_that_differs_is_not_told(odd: SparkSession):
    odd.conf.set("fs.s3a.secret.key", "hush")
    with pytest.raises(UsageError, match=r"fs\.s3a\.secret\.key is another value") as told:
        start_session(conf={"fs.s3a.secret.key": "quiet"})
    assert "hush" not in str(told.value)
    assert "quiet" not in str(told.value)


def test_the_active_session_is_taken_before_the_default_one(spark: SparkSession, odd: SparkSession):
    assert start_session()._jsparkSession == odd._jsparkSession
    assert elsewhere(start_session) is spark
    # Python's own answer is of the whole process: it knows nothing of the session that is active in this thread.
    assert SparkSession.getActiveSession() is spark
    with spark_session() as borrowed:
        assert borrowed._jsparkSession == odd._jsparkSession
    assert elsewhere(_borrow_and_leave) == spark.sparkContext.applicationId
    assert SparkContext._active_spark_context is spark.sparkContext


def _borrow_and_leave() -> str:
    with spark_session() as borrowed:
        return str(borrowed.sparkContext.applicationId)


def test_a_context_that_another_thread_is_starting_does_not_run_yet(monkeypatch: pytest.MonkeyPatch):
    half_made = object.__new__(SparkContext)
    monkeypatch.setattr(SparkContext, "_active_spark_context", half_made)

    assert running_context() is None


def test_a_private_session_keeps_what_leaves_results_alone(odd: SparkSession):
    odd.conf.set("fs.s3a.endpoint", "http://there")
    odd.conf.set("spark.sql.catalog.lake", "org.example.Catalog")
    odd.conf.set("spark.sql.adaptive.advisoryPartitionSizeInBytes", "8m")
    odd.conf.set("spark.example.setting", "kept")
    odd.udf.register("twice", lambda x: 2 * x, "long")
    odd.sql("CREATE DATABASE IF NOT EXISTS guest_db")
    odd.catalog.setCurrentDatabase("guest_db")
    try:
        before = snapshot(odd)
        with at_work(private_session(odd, keep=["spark.sql.caseSensitive"])) as private:
            kept = (
                "fs.s3a.endpoint",
                "spark.sql.catalog.lake",
                "spark.example.setting",
                "spark.sql.shuffle.partitions",
            )
            for key in (*kept, "spark.sql.adaptive.advisoryPartitionSizeInBytes", "spark.sql.caseSensitive"):
                assert private.conf.get(key) == odd.conf.get(key)
            assert private._jsparkSession.sessionState().newHadoopConf().get("fs.s3a.endpoint") == "http://there"
            assert private.conf.get("spark.sql.session.timeZone") == "UTC"
            for key in set(ODD) - {"spark.sql.caseSensitive", "spark.sql.shuffle.partitions"}:
                assert private.conf.get(key) != odd.conf.get(key), key
            assert private.table("mine").count() == 3
            assert private.sql("SELECT twice(4)").collect()[0][0] == 8
            assert private.catalog.currentDatabase() == "guest_db"
            private.range(1).createOrReplaceTempView("ours")
        assert differences(before, snapshot(odd)) == {}
    finally:
        odd.sql("DROP DATABASE guest_db")


def test_a_view_of_the_user_is_read_as_they_defined_it(odd: SparkSession):
    # Midnight in Los Angeles is 8 in UTC.
    odd.sql("SELECT CAST('2025-11-20 00:00:00' AS TIMESTAMP_LTZ) AS t").createOrReplaceTempView("moments")
    with at_work(private_session(odd)) as private:
        assert private.sql("SELECT unix_micros(t) FROM moments").collect()[0][0] == 1_763_625_600_000_000


def test_threads_work_in_the_session_and_under_the_job_group_of_their_caller(odd: SparkSession):
    def settings() -> tuple[Any, str | None, int]:
        private = running_session()
        assert private is not None
        return private.conf.get("spark.sql.session.timeZone"), odd.sparkContext.getLocalProperty("spark.jobGroup.id"), 1

    with at_work(private_session(odd)) as private, session_pool(private, 2) as pool:
        assert [pool.submit(settings).result() for _ in range(3)] == [("UTC", "nightly", 1)] * 3


def test_a_dataframe_of_arrow_keeps_times_without_a_zone(odd: SparkSession):
    other = odd.newSession()
    before = snapshot(odd)
    moments = pa.table({"a": pa.array([0], pa.timestamp("us")), "b": pa.array([0], pa.timestamp("us", "UTC"))})
    found = arrow_dataframe(other, moments)
    assert [field.dataType.typeName() for field in found.schema] == ["timestamp_ntz", "timestamp"]
    assert found.toArrow().column("a").cast(pa.int64()).to_pylist() == [0]
    assert differences(before, snapshot(odd)) == {}


def test_what_fails_leaves_the_session_too(odd: SparkSession, tmp_path: Path):
    config = write_case(tmp_path, make_table(rows=10), traffic__where="no_such_column = 1")
    before = snapshot(odd)
    with pytest.raises(replay.errors.ConfigError):
        replay.run(config)
    assert differences(before, snapshot(odd)) == {}
