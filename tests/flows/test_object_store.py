"""Traffic and output on a server that speaks S3: the tables of a run on a disk, bit for bit, and nothing by Spark."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import SparkSession

import replay
from replay.errors import OutputConflict, RunFailed, TrafficError, UsageError
from replay.files.places import open_filesystem
from replay.files.reading import entry_names, read_bytes
from replay.flows.finished import judge
from replay.flows.options import Options
from replay.flows.stages import fit
from replay.flows.validate import validate
from replay.scoring.table import waves
from replay.store.commits import last_wave
from replay.traffic.read import splits
from tests.flows.case import make_table, write_case
from tests.flows.content import bits
from tests.object_store import SECRET, S3Server

pytestmark = pytest.mark.spark

HTTP = {"AWS_ALLOW_HTTP": "true"}
FILES = 3


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    gates = [{"variant": "prod", "against": "online", "metric": "mismatch_rate", "max": 0.5}]
    scenarios = {"null": [{"op": "nulls", "features": ["x0"], "rate": 0.3}]}
    return write_case(
        tmp_path_factory.mktemp("store"),
        make_table(1_200),
        files=FILES,
        traffic__group="item",
        scenarios=scenarios,
        gates=gates,
    )


@pytest.fixture
def store(spark: SparkSession, s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """The server, which tasks know too; a split for each file, and a commit for each split."""
    monkeypatch.setattr(fit, "SPLIT_ROWS", 0)
    monkeypatch.setattr(splits, "BATCH_ROWS", 400)
    with s3.known_to(spark):
        yield s3


def run(case: Path, output: str, *overrides: str, **more: Any) -> replay.RunResult:
    return replay.run(case, output=output, overrides=["engine.commit_rows=400", *overrides], quiet=True, **more)


def tables(output: str) -> dict[str, Any]:
    found = {}
    for name, order in (("scores", "request_id"), ("metrics", None), ("diffs", None)):
        table = DeltaTable(f"{output}/{name}", storage_options=HTTP).to_pyarrow_table()
        table = table.drop_columns("command") if name == "diffs" else table
        found[name] = bits(table if order is None else table.sort_by(order))
    return found


@contextmanager
def without_spark(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def refuses(*_: Any, **__: Any) -> None:
        raise AssertionError("Spark was asked for")

    with monkeypatch.context() as patched:
        patched.setattr("replay.spark.session.start_session", refuses)
        patched.setattr("replay.flows.run.replay_window", refuses)
        yield


def upload(case: Path, url: str) -> None:
    for file in sorted((case.parent / "traffic").iterdir()):
        filesystem, place = open_filesystem(f"{url}/{file.name}")
        with file.open("rb") as source, filesystem.open_output_stream(place) as target:
            shutil.copyfileobj(source, target)


def kill_at(wave: int, case: Path, output: str, monkeypatch: pytest.MonkeyPatch, *overrides: str) -> None:
    append = waves.append_files

    def dies(path: str, schema: Any, files: Any, run_id: str, number: int, indexed: int, **more: Any) -> None:
        if number == wave:
            raise RunFailed("killed")
        append(path, schema, files, run_id, number, indexed, **more)

    with monkeypatch.context() as patched:
        patched.setattr(waves, "append_files", dies)
        with pytest.raises(RunFailed, match="killed"):
            run(case, output, *overrides)


def test_a_run_is_that_on_a_disk_also_after_a_kill(
    case: Path, store: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    expected = tables(run(case, str(tmp_path / "out")).output)
    bucket = store.new_bucket()
    output, traffic = f"{bucket}/runs/a b", f"{bucket}/log/traffic"
    upload(case, traffic)
    kill_at(2, case, output, monkeypatch, f"traffic.path={traffic}")
    manifest = json.loads(read_bytes(f"{output}/manifest.json"))
    assert (last_wave(f"{output}/scores", manifest["run_id"]), manifest["status"]) == (1, "running")
    assert "summary.json" not in entry_names(output)

    result = run(case, output, f"traffic.path={traffic}")
    assert (result.output, result.summary.run_id) == (output, manifest["run_id"])
    assert tables(output) == expected
    assert len(DeltaTable(f"{output}/scores", storage_options=HTTP).history()) == FILES
    names = [
        "diffs",
        "manifest.json",
        "metrics",
        "report.html",
        "report.json",
        "scores",
        "summary.json",
        "verdict.json",
    ]
    assert entry_names(output) == names
    committed = {file.rpartition("/")[2] for file in DeltaTable(f"{output}/scores", storage_options=HTTP).file_uris()}
    assert {name for name in entry_names(f"{output}/scores") if name.endswith(".parquet")} == committed
    texts = [read_bytes(f"{output}/{name}") for name in names if "." in name]
    assert not any(SECRET.encode() in text or b"AKIAIOSF" in text for text in texts)

    with without_spark(monkeypatch):
        again = run(case, output, f"traffic.path={traffic}")
        assert again.summary.run_id == manifest["run_id"]
        judged = judge.judge_output(output.replace("s3:", "s3a:"), Options())
        assert [gate.verdict for gate in judged.summary.gates] == ["passed"]
        assert replay.open_run(output).to_arrow().num_rows == 1_200


def test_delta_in_and_another_config_over_it(case: Path, store: S3Server, tmp_path: Path):
    bucket = store.new_bucket()
    output, traffic = f"{bucket}/out".replace("s3:", "s3a:"), f"{bucket}/delta"
    for file in sorted((case.parent / "traffic").iterdir()):
        write_deltalake(traffic, pq.read_table(file), mode="append", storage_options=HTTP)
    validated = validate(case, overrides=[f"traffic.path={traffic}", f"output={output}"])
    assert (validated.reader, validated.writer, validated.writer_reason) == ("direct", "tasks", None)
    found = tables(run(case, output, f"traffic.path={traffic}").output)
    expected = tables(run(case, str(tmp_path / "out")).output)
    assert found["scores"] == expected["scores"]
    with pytest.raises(OutputConflict, match="of another config"):
        run(case, output, f"traffic.path={traffic}", "seed=5")
    write_deltalake(traffic, pq.read_table(file).slice(0, 1), mode="append", storage_options=HTTP)
    with pytest.raises(TrafficError, match=r"the key \(request_id\) is not unique: 2 rows share 1 keys, for example"):
        run(case, f"{bucket}/twice", f"traffic.path={traffic}")
    assert not {"scores", "summary.json"} & {*entry_names(f"{bucket}/twice")}
    other = run(case, output, f"traffic.path={traffic}", "traffic.delta_version=2", "seed=5", overwrite=True)
    assert other.summary.rows == 1_200
    assert tables(output)["scores"] != expected["scores"]


def test_what_cannot_be_reached_is_one_clear_error(case: Path, store: S3Server, spark: SparkSession):
    bucket = store.new_bucket()
    with pytest.raises(OutputConflict, match="-of-nobody/out cannot be read: there is no such bucket") as error:
        run(case, f"{bucket}-of-nobody/out")
    assert error.value.exit_code == 2
    with pytest.raises(TrafficError, match="-of-nobody/log: cannot be read: there is no such bucket") as refused:
        run(case, f"{bucket}/out", f"traffic.path={bucket}-of-nobody/log")
    assert refused.value.exit_code == 3
    with store.checking_keys(), pytest.raises(OutputConflict, match="access is denied to the credentials") as error:
        run(case, f"{bucket}/out")
    assert SECRET not in str(error.value)
    with pytest.raises(UsageError, match="has credentials in its URL") as usage:
        run(case, "s3://key:hush@bucket/out")
    assert "hush" not in str(usage.value)
    with pytest.raises(UsageError, match="no such directory, expected the output of a finished run"):
        replay.open_run(f"{bucket}/nothing")


def test_where_tasks_do_not_reach_it_spark_writes_or_says_what_it_lacks(
    case: Path, store: S3Server, spark: SparkSession
):
    """Their environment names another endpoint than this process has."""
    output = f"{store.new_bucket()}/out"
    with store.known_to(spark, AWS_ENDPOINT_URL="gopher://127.0.0.1"):
        validated = validate(case, overrides=[f"output={output}"])
        assert validated.writer == "spark"
        assert "a task says: pyarrow cannot open s3://" in str(validated.writer_reason)
        assert "written by Spark (a task says" in validated.render("c")
        with pytest.raises(RunFailed, match=r"no file system for s3: add .*hadoop-aws.*a task says: pyarrow") as error:
            run(case, output)
    assert error.value.exit_code == 4
    assert "\n" not in str(error.value)
