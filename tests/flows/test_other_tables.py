"""Another table's values as a what-if: the bits of a plain run over a table in which they were put in by hand."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

import replay
from replay.errors import RunFailed
from replay.flows.row import explain_row
from replay.scoring.table import waves
from tests.flows.case import config_data, make_table, write_case

pytestmark = pytest.mark.spark

ROWS = 1_200
INPUTS = [
    {"name": "dense", "dtype": "float32", "features": ["x*"], "missing": 0.0},
    {"name": "item", "dtype": "int64", "feature": "item", "missing": 7},
]
KEY = {"request_id": "req", "item": "ad"}
SOURCE = {"path": "served", "key": KEY, "columns": {"x0": "f.zero", "x*": "f.x*"}}
FROM = {"op": "from", "source": "served", "features": ["x*"]}


def served(table: pa.Table) -> pa.Table:
    """Another log of most rows, in another order, with other names and wider types."""
    rng = np.random.default_rng(5)
    rows = table.to_pylist()
    kept = [row for row in rows if rng.random() < 0.8]
    for row in kept:
        row["x0"] = None if rng.random() < 0.2 else row["x0"] + float(rng.standard_normal()) * (rng.random() < 0.3)
        row["x2"] = row["x2"] if rng.random() < 0.5 else 1.0
    kept += [{**row, "request_id": f"other{place}"} for place, row in enumerate(kept[:50])]
    kept = [kept[place] for place in rng.permutation(len(kept))]
    features = [{"zero": row["x0"], "x1": row["x1"], "x2": row["x2"]} for row in kept]
    kind = pa.struct([("zero", pa.float64()), ("x1", pa.float64()), ("x2", pa.float64())])
    return pa.table(
        {
            "req": [row["request_id"] for row in kept],
            "ad": pa.array([row["item"] for row in kept], pa.int32()),
            "f": pa.array(features, kind),
        }
    )


def replaced(table: pa.Table, other: pa.Table, columns: Mapping[str, str]) -> tuple[pa.Table, np.ndarray]:
    """The traffic with the other table's values, joined by hand; and which rows have a match."""
    there = {(row["req"], row["ad"]): row["f"] for row in other.to_pylist()}
    found = [there.get((row["request_id"], row["item"])) for row in table.to_pylist()]
    for ours, theirs in columns.items():
        logged = table[ours].to_pylist()
        values = [own if match is None else match[theirs] for own, match in zip(logged, found, strict=True)]
        place = table.schema.get_field_index(ours)
        table = table.set_column(place, ours, pa.array(values, pa.float64()).cast(table.schema.field(ours).type))
    return table, np.array([match is not None for match in found])


def scores(spark: SparkSession, output: str, *columns: str) -> pa.Table:
    found = spark.read.format("delta").load(f"{output}/scores").toArrow().sort_by("request_id")
    return found.select(list(columns))


def filled(found: pa.Table, variant: str) -> bytes:
    clean = found["prod"].to_numpy()
    own = found[variant].to_numpy()
    return np.where(np.isnan(own), clean, own).tobytes()


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("other_tables")
    table = make_table(ROWS)
    scenarios = {
        "served": [FROM],
        "some": [{**FROM, "rate": [0.3, 0.7]}],
        "home": [{**FROM, "where": "surface = 'home'"}],
    }
    config = write_case(directory, table, scenarios=scenarios, model__inputs=INPUTS, sources={"served": SOURCE})
    other = served(table)
    (directory / "served").mkdir()
    for place in range(3):
        pq.write_table(other.slice(place * 400, 400), directory / "served" / f"{place}.parquet")
    return config


@pytest.fixture(scope="module")
def run(spark: SparkSession, case: Path) -> replay.RunResult:
    return replay.run(case)


@pytest.fixture(scope="module")
def by_spark(spark: SparkSession, case: Path) -> replay.RunResult:
    return replay.run(case, overrides=["engine.reader=spark"], output=str(case.parent / "by_spark"))


@pytest.fixture(scope="module")
def by_hand(spark: SparkSession, case: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[pa.Table, pa.Table]:
    """The traffic with the values put in, and its clean scores."""
    table = make_table(ROWS)
    swapped, _ = replaced(table, served(table), {"x0": "zero", "x1": "x1", "x2": "x2"})
    config = write_case(tmp_path_factory.mktemp("by_hand"), swapped, model__inputs=INPUTS)
    return swapped, scores(spark, replay.run(config).output, "request_id", "prod")


def test_scores_are_those_of_a_table_with_the_values_in_it(
    spark: SparkSession, run: replay.RunResult, by_hand: tuple[pa.Table, pa.Table]
) -> None:
    found = scores(spark, run.output, "request_id", "prod", "prod/served")
    assert filled(found, "prod/served") == by_hand[1]["prod"].to_numpy().tobytes()


def test_rows_that_tasks_find_are_those_that_spark_joins(
    spark: SparkSession, run: replay.RunResult, by_spark: replay.RunResult
) -> None:
    names = ("request_id", *(name for name in run.summary.variants))
    assert scores(spark, run.output, *names) == scores(spark, by_spark.output, *names)
    assert run.summary.warnings == by_spark.summary.warnings
    engines = [json.loads(Path(each.output, "manifest.json").read_text())["engine"] for each in (run, by_spark)]
    assert [engine["reader"] for engine in engines] == ["direct", "spark"]


def test_rows_that_differ_are_touched_and_no_others(
    spark: SparkSession, run: replay.RunResult, by_hand: tuple[pa.Table, pa.Table]
) -> None:
    table = make_table(ROWS)
    found = scores(spark, run.output, "request_id", "prod/served")
    differ = np.zeros(ROWS, bool)
    for name in ("x0", "x1", "x2"):
        pairs = zip(table[name].to_pylist(), by_hand[0][name].to_pylist(), strict=True)
        differ |= np.array([one != other for one, other in pairs])
    assert found["prod/served"].is_valid().to_numpy().tolist() == differ.tolist()
    assert 300 < differ.sum() < 900


def test_unmatched_rows_are_told(run: replay.RunResult) -> None:
    table = make_table(ROWS)
    _, matched = replaced(table, served(table), {})
    missing = int((~matched).sum())
    told = "\n".join(run.summary.warnings)
    assert f"scenario served: the other table has no row for {missing} rows: they are not touched" in told
    assert f"source `served` has a row for {ROWS - missing:,} of the {ROWS:,} rows of the traffic" in told


def test_rates_and_conditions_take_some_of_these_rows(spark: SparkSession, run: replay.RunResult) -> None:
    names = ("prod/served", "prod/some@0.3", "prod/some@0.7", "prod/home")
    found = scores(spark, run.output, "surface", *names)
    whole, few, many, home = (found[name].to_numpy() for name in names)
    assert home[np.isfinite(home)].tolist() == whole[np.isfinite(home)].tolist()
    at_home = np.array(found["surface"].to_pylist()) == "home"
    assert np.isfinite(home).tolist() == (np.isfinite(whole) & at_home).tolist()
    assert (np.isfinite(few) <= np.isfinite(many)).all()
    assert 0 < np.isfinite(few).sum() < np.isfinite(many).sum() <= np.isfinite(whole).sum()


def test_however_the_work_is_cut(spark: SparkSession, run: replay.RunResult, case: Path, tmp_path: Path) -> None:
    table = make_table(ROWS)
    order = np.random.default_rng(1).permutation(ROWS)
    scenarios = {"served": [FROM], "some": [{**FROM, "rate": [0.3, 0.7]}]}
    config = write_case(
        tmp_path, table.take(order), 1, scenarios=scenarios, model__inputs=INPUTS, sources={"served": SOURCE}
    )
    shutil.copytree(case.parent / "served", tmp_path / "served")
    again = scores(spark, replay.run(config).output, "prod/served", "prod/some@0.3", "prod/some@0.7")
    assert again == scores(spark, run.output, "prod/served", "prod/some@0.3", "prod/some@0.7")


def test_the_manifest_has_the_table_and_a_second_call_answers_from_the_run(run: replay.RunResult, case: Path) -> None:
    manifest = json.loads(Path(run.output, "manifest.json").read_text())
    assert manifest["other_tables"]["served"]["files"] == 3
    assert manifest["config"]["sources"]["served"]["key"] == KEY
    assert replay.run(case).summary.run_id == run.summary.run_id


def test_a_row_shows_what_the_other_table_holds(spark: SparkSession, run: replay.RunResult, case: Path) -> None:
    table = make_table(ROWS)
    other = {row["req"]: row["f"] for row in served(table).to_pylist()}
    found = scores(spark, run.output, "request_id", "prod/served").to_pylist()
    there = next(row for row in found if row["prod/served"] is not None)
    absent = next(row["request_id"] for row in found if row["request_id"] not in other)
    config = replay.load_config(case)

    row = explain_row(config, {"request_id": there["request_id"]})
    values = other[there["request_id"]]
    assert row.sources == {"served": {"x0": values["zero"], "x1": values["x1"], "x2": values["x2"]}}
    assert row.replayed["prod/served"] == there["prod/served"]
    assert "source served\n  x0 = " in row.render()
    row = explain_row(config, {"request_id": absent})
    assert row.sources == {"served": None}
    assert "source served has no row for this key" in row.render()


def test_all_that_is_wrong_is_told_at_once(case: Path, tmp_path: Path) -> None:
    shutil.copytree(case.parent, tmp_path / "case")
    data: dict[str, Any] = config_data(model__inputs=INPUTS)
    data["sources"] = {
        "served": {**SOURCE, "columns": {"x*": "f.x*"}},
        "typed": {"path": "served", "key": {"item": "req"}},
    }
    data["scenarios"] = {"served": [FROM], "typed": [{**FROM, "source": "typed"}]}
    with pytest.raises(replay.errors.ConfigError) as raised:
        replay.validate(replay.config.build_config(data, tmp_path / "case"))
    told = {problem.path: problem.message for problem in raised.value.problems}
    assert "`item` is int64 in the traffic, and `req` is string" in told["sources.typed.key"]
    assert told["scenarios.served[0].source"].startswith("source `served` has no column for `x0` (as `f.x0`)")
    assert raised.value.exit_code == 3


@pytest.mark.parametrize("reader", ["direct", "spark"])
def test_a_run_that_was_killed_goes_on_to_the_same_bits(
    reader: str, spark: SparkSession, run: replay.RunResult, case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, append = tmp_path / "killed", waves.append_files

    def dies(path: str, schema: pa.Schema, files: Any, run_id: str, number: int, *rest: int, **said: bool) -> None:
        if number == 1:
            raise RunFailed("killed")
        append(path, schema, files, run_id, number, *rest, **said)

    def replayed() -> replay.RunResult:
        overrides = ["engine.commit_rows=300", f"engine.reader={reader}"]
        return replay.run(case, overrides=overrides, output=str(output))

    # A partition for each file: Spark takes every one to be of 4 MB at least.
    spark.conf.set("spark.sql.files.maxPartitionBytes", "1m")
    try:
        with monkeypatch.context() as patched:
            patched.setattr(waves, "append_files", dies)
            with pytest.raises(RunFailed, match="killed"):
                replayed()
        run_id = json.loads((output / "manifest.json").read_text())["run_id"]
        committed = DeltaTable(str(output / "scores")).to_pyarrow_table()
        resumed = replayed()
    finally:
        spark.conf.unset("spark.sql.files.maxPartitionBytes")

    names = ("request_id", "prod", "prod/served", "prod/some@0.3", "prod/some@0.7", "prod/home")
    assert 0 < committed.num_rows < ROWS
    assert resumed.summary.run_id == run_id
    assert scores(spark, resumed.output, *names) == scores(spark, run.output, *names)
    for name, variant in run.summary.variants.items():
        again = resumed.summary.variants[name]
        assert again.rows_scored == variant.rows_scored
        assert again.metrics["ne"].value == pytest.approx(variant.metrics["ne"].value, rel=1e-12)


def test_another_table_under_the_name_is_another_run(run: replay.RunResult, case: Path) -> None:
    """The last one here: it overwrites the table."""
    path = case.parent / "served" / "0.parquet"
    pq.write_table(pq.read_table(path).slice(0, 399), path)
    again = replay.run(case)
    assert again.summary.run_id != run.summary.run_id
    assert again.summary.reconciliation.scored == ROWS
