"""Whole commands in a session that gives no JVM: the bits of one that does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import SparkSession

from replay.cli.main import cli, execute
from replay.store.arrow_tables import read_arrow_table
from tests.closed_session import closed_jvm
from tests.flows.case import write_case

pytestmark = pytest.mark.spark

GATES = [{"variant": "prod", "against": "online", "metric": "mismatch_rate", "max": 0.06}]
SCENARIOS = {"x2_null": [{"op": "nulls", "features": ["x2"]}]}
TABLES = ("scores", "diffs", "metrics")


def replay(*arguments: object) -> int:
    return execute(cli, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def case(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The same rows as Parquet, as Delta of two versions, the first of which counts, and as a table of the catalog."""
    directory = tmp_path_factory.mktemp("no_jvm")
    write_case(directory, scenarios=SCENARIOS, gates=GATES)
    rows = spark.read.parquet(str(directory / "traffic"))
    spark.sql(f"CREATE DATABASE no_jvm LOCATION '{directory}/catalog'")
    rows.write.format("delta").save(str(directory / "delta"))
    rows.limit(10).write.format("delta").mode("append").save(str(directory / "delta"))
    rows.write.format("delta").saveAsTable("no_jvm.logged")
    try:
        yield directory
    finally:
        spark.sql("DROP DATABASE no_jvm CASCADE")


TRAFFIC: dict[str, dict[str, Any]] = {
    "parquet": {"path": "traffic"},
    "delta": {"path": "delta", "delta_version": 0},
    "catalog": {"path": None, "table": "spark_catalog.no_jvm.logged"},
    "scanned": {"path": None, "table": "no_jvm.logged", "where": "length(request_id) > 3"},
    "computed": {"path": "traffic", "columns": {"double_x2": "x2 * 2"}, "where": "double_x2 < 100"},
}


def config(case: Path, kind: str, output: str, **traffic: Any) -> Path:
    data = yaml.safe_load((case / "replay.yaml").read_text())
    data["traffic"] |= TRAFFIC[kind] | traffic
    data["traffic"] = {key: value for key, value in data["traffic"].items() if value is not None}
    file = case / f"{output}.yaml"
    file.write_text(yaml.safe_dump(data | {"output": output}, sort_keys=False))
    return file


def contents(case: Path, output: str) -> list[list[str]]:
    """The rows of an output's tables, to the last bit of a number, in an order of their own."""
    tables = (read_arrow_table(str(case / output / name)) for name in TABLES)
    found = [sorted(map(repr, table.to_pylist())) for table in tables if table is not None]
    return [[row.replace(str(case / output), "OUTPUT") for row in rows] for rows in found]


@pytest.mark.parametrize("kind", list(TRAFFIC))
def test_a_run_gives_the_same_bits(case: Path, kind: str) -> None:
    open_, closed = f"{kind}-open", f"{kind}-closed"
    # Sums have the same last bits where the same partitions are added up.
    reader = ["--set", "engine.reader=spark"] if kind in ("scanned", "computed") else []
    assert replay("run", config(case, kind, open_), "--quiet", *reader) == 0
    with closed_jvm():
        assert replay("run", config(case, kind, closed), "--quiet") == 0
        assert replay("gate", case / closed, "--quiet") == 0
    found = contents(case, closed)
    assert [bool(rows) for rows in found] == [True] * len(TABLES)
    assert found == contents(case, open_)


@pytest.mark.parametrize("kind", ["delta", "scanned"])
def test_a_diagnosis_is_the_same(case: Path, kind: str, spark: SparkSession) -> None:
    settings = spark.conf.getAll
    found = []
    for name in ("open", "closed"):
        output = f"{kind}-diagnosed-{name}"
        if name == "closed":
            with closed_jvm():
                assert replay("diagnose", config(case, kind, output), "--quiet") == 0
        else:
            assert replay("diagnose", config(case, kind, output), "--quiet") == 0
        found.append(json.loads((case / output / "summary.json").read_text())["incidents"])
    assert found[0]
    assert str(found[1]).replace("-closed", "-open") == str(found[0])
    assert spark.conf.getAll == settings


def test_what_cannot_be_promised_is_said(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closed_jvm():
        assert replay("validate", config(case, "scanned", "told")) == 0
    said = capsys.readouterr().out
    assert "warning: the Spark session does not give its JVM and cannot be cloned: while replay works in it" in said
    assert "the scores are committed once, at the end" in said


def test_a_subquery_is_refused_in_either(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = "request_id NOT IN (SELECT value FROM text.`/etc/passwd`)"
    assert replay("run", config(case, "delta", "sub-open", where=where), "--quiet") == 2
    said = capsys.readouterr().err
    assert "has a subquery, and what that reads is not pinned" in said
    with closed_jvm():
        assert replay("run", config(case, "delta", "sub-closed", where=where), "--quiet") == 2
    assert capsys.readouterr().err.replace("sub-closed", "sub-open") == said
    assert not (case / "sub-open" / "scores").exists()


def test_an_output_that_only_hadoop_reaches_is_refused(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closed_jvm():
        code = replay("run", config(case, "parquet", "nowhere"), "--set", "output=viewfs://x/out", "--quiet")
    assert (code, "this Spark session does not give its JVM" in capsys.readouterr().err) == (2, True)
