"""Traffic that public reports tell of: odd times, scores, names and keys, each with the right scores in the end."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from pyspark.sql import SparkSession

import replay
from replay.errors import ConfigError
from replay.store.arrow_tables import read_arrow_table
from tests.cli.command_line import replay as command
from tests.flows.case import expected_scores, make_table, write_case

pytestmark = pytest.mark.spark

ROWS = 300


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return make_table(ROWS)


def with_column(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    place = table.schema.get_field_index(name)
    return table.append_column(name, values) if place < 0 else table.set_column(place, name, values)


def check_scores(output: Path, table: pa.Table) -> None:
    """The scores of all rows are those of plain numpy, by the item and the features that no test changes."""
    scores = read_arrow_table(str(output / "scores"))
    assert scores is not None
    found = np.sort(scores["prod"].to_numpy())
    np.testing.assert_allclose(found, np.sort(expected_scores(table)), atol=1e-6)


@pytest.mark.parametrize("end", ["9999-12-31T23:59:59.999999", "0001-01-01T00:00:00"])
def test_one_row_at_an_end_of_the_calendar(spark: SparkSession, table: pa.Table, tmp_path: Path, end: str):
    times = table["event_time"].to_numpy().astype("datetime64[us]").copy()
    times[3] = np.datetime64(end)
    traffic = with_column(table, "event_time", pa.array(times, pa.timestamp("us", "UTC")))

    result = replay.diagnose(write_case(tmp_path, traffic), quiet=True)

    check_scores(tmp_path / "out", table)
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["rows"] == ROWS
    outliers = result.summary.traffic.time_outliers
    assert outliers is not None
    assert (outliers.rows, outliers.first.year) == (1, int(end[:4]))
    assert any("1 row has a time far from all others" in warning for warning in result.summary.warnings)
    assert "1 row has a time far from all others" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize("end", ["9999-12-31T23:59:59.999999", "0001-01-01T00:00:00"])
def test_all_rows_at_an_end_of_the_calendar(spark: SparkSession, table: pa.Table, tmp_path: Path, end: str):
    times = np.full(ROWS, np.datetime64(end, "us"))
    traffic = with_column(table, "event_time", pa.array(times, pa.timestamp("us", "UTC")))
    config = write_case(tmp_path, traffic, diff={"bucket": "7d"})
    assert replay.run(config, quiet=True).summary.rows == ROWS
    check_scores(tmp_path / "out", table)


@pytest.mark.parametrize("score", [np.nan, np.inf, -np.inf])
def test_no_online_score_is_a_number(spark: SparkSession, table: pa.Table, tmp_path: Path, score: float):
    traffic = with_column(table, "online_score", pa.array(np.full(ROWS, score)))
    result = replay.diagnose(write_case(tmp_path, traffic), quiet=True)
    assert result.summary.variants["prod"].vs_online.mismatched == ROWS
    assert {cause.kind for incident in result.incidents for cause in incident.causes} <= {"unexplained"}
    check_scores(tmp_path / "out", table)


KEYS: dict[str, list[Any] | pa.Array] = {
    "bytes": pa.array([bytes([place % 256, 255, place // 256]) for place in range(ROWS)]),
    "bytes like hex digits": pa.array([b"0x%d" % place for place in range(ROWS)]),
    "nanoseconds": pa.array([10**18 + 1500 * place for place in range(ROWS)], pa.timestamp("ns")),
    "odd text": pa.array([f"\t\"{place}=\\'🚀" for place in range(ROWS)]),
}


@pytest.mark.parametrize("kind", list(KEYS))
def test_the_printed_command_finds_the_row(
    spark: SparkSession, table: pa.Table, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
):
    config = write_case(tmp_path, with_column(table, "request_id", KEYS[kind]))
    result = replay.run(config, quiet=True)
    worst = result.data.worst_rows[0]
    assert worst.features["item"] is not None

    assert command(*shlex.split(worst.command)[1:], "--json") == 0

    row = json.loads(capsys.readouterr().out)
    assert row["online"] == pytest.approx(worst.online)
    assert row["replayed"]["prod"] == pytest.approx(worst.replayed, abs=1e-6)


def test_what_is_told_of_names_works(spark: SparkSession, table: pa.Table, tmp_path: Path):
    odd = table.append_column("a\tb", table["surface"]).append_column("rejected", table["surface"])
    columns = {"a_b_logged": "`a\tb`", "rejected_logged": "`rejected`"}
    config = write_case(tmp_path, odd, traffic__columns=columns, traffic__segments=list(columns))
    replay.run(config, quiet=True)
    scores = read_arrow_table(str(tmp_path / "out" / "scores"))
    assert scores is not None
    assert scores["a_b_logged"].value_counts().to_pylist() == table["surface"].value_counts().to_pylist()
    check_scores(tmp_path / "out", table)


def test_names_with_spaces_and_signs(spark: SparkSession, table: pa.Table, tmp_path: Path):
    names = ["a b", "a,b;{}()=", "a`b", "<script>", "\u202eabc", "🚀"]
    odd = table.rename_columns(["my key" if name == "request_id" else name for name in table.schema.names])
    for name in names:
        odd = odd.append_column(name, table["surface"])
    config = write_case(tmp_path, odd, traffic__key=["my key"], traffic__segments=names)
    result = replay.run(config, quiet=True)
    check_scores(tmp_path / "out", table)
    assert "<script>=home" not in Path(result.report_path).read_text()
    assert {row.slice.partition("=")[0] for row in result.data.rows if row.slice.endswith("=home")} >= {"a b", "🚀"}


def write_partitioned(directory: Path, table: pa.Table, column: str, folders: list[str]) -> pa.Table:
    """A folder for each value, in place of the column: the rows that are written."""
    step = table.num_rows // len(folders)
    parts = [table.slice(place * step, step) for place in range(len(folders))]
    for file in (directory / "traffic").glob("*.parquet"):
        file.unlink()
    for folder, part in zip(folders, parts, strict=True):
        (directory / "traffic" / f"{column}={folder}").mkdir()
        rows = part.drop_columns([column]) if column in part.schema.names else part
        pq.write_table(rows, directory / "traffic" / f"{column}={folder}" / "p.parquet")
    return pa.concat_tables(parts)


@pytest.mark.parametrize("reader", ["auto", "spark"])
def test_a_vocabulary_of_folders(spark: SparkSession, table: pa.Table, tmp_path: Path, reader: str):
    """The folder `item=007` is looked up as `007`, by both readers."""
    folders = ["007", "010", "3"]
    (tmp_path / "item.json").write_text(json.dumps({"007": 7, "010": 1, "3": 3}))
    item = {"name": "item", "dtype": "int64", "feature": "item", "vocabulary": "item.json", "unknown": 0}
    dense = {"name": "dense", "dtype": "float32", "features": ["x*"], "missing": 0.0}
    config = write_case(tmp_path, table, model__inputs=[dense, item], engine={"reader": reader})
    rows = write_partitioned(tmp_path, table, "item", folders)
    result = replay.run(config, quiet=True)
    check_scores(tmp_path / "out", with_column(rows, "item", pa.array(np.repeat([7, 1, 3], ROWS // 3))))
    assert not any("not in the vocabulary" in warning for warning in result.summary.warnings)


def test_values_that_the_vocabulary_lacks_are_told(spark: SparkSession, table: pa.Table, tmp_path: Path):
    (tmp_path / "item.json").write_text(json.dumps({"007": 7, "010": 1, "3": 3}))
    item = {"name": "item", "dtype": "int64", "feature": "item", "vocabulary": "item.json", "unknown": 0}
    dense = {"name": "dense", "dtype": "float32", "features": ["x*"], "missing": 0.0}
    logged = with_column(table, "item", pa.array(["7", "10", "3"] * (ROWS // 3)))
    config = write_case(tmp_path, logged, model__inputs=[dense, item])
    said = "200 of 300 sampled values (66.7%) of item are not in the vocabulary of input item, and get the index of"
    assert any(said in warning for warning in replay.validate(config).warnings)
    result = replay.run(config, quiet=True)
    assert any(said in warning for warning in result.summary.warnings)
    assert said in (tmp_path / "out" / "report.html").read_text()
    (altered,) = [one for one in result.summary.altered or () if one.feature == "item"]
    assert (altered.unknown, altered.values, altered.unknown_values) == (200, 300, {"'7'": 100, "'10'": 100})


def test_folders_that_are_numbers_to_the_model(spark: SparkSession, table: pa.Table, tmp_path: Path):
    """`item=07` is text; the cast that the refusal tells of makes it a number again."""
    config = write_case(tmp_path, table)
    rows = write_partitioned(tmp_path, table, "item", ["07", "01"])
    with pytest.raises(
        ConfigError, match=r"if the texts are numbers, a column of `traffic.columns`, `cast\(NAME as bigint"
    ):
        replay.run(config, quiet=True)
    data = yaml.safe_load(config.read_text())
    data["traffic"]["columns"] = {"item_number": "cast(item as bigint)"}
    data["model"]["inputs"][1]["feature"] = "item_number"
    config.write_text(yaml.safe_dump(data, sort_keys=False))
    replay.run(config, quiet=True)
    check_scores(tmp_path / "out", with_column(rows, "item", pa.array(np.repeat([7, 1], ROWS // 2))))


NOT_HELD = "a value that the input's dtype cannot hold"


@pytest.mark.parametrize(
    ("values", "code", "said"),
    [
        (
            pa.array([2**24 + 1 + 2 * place for place in range(295)] + [1, 2, 3, 4, 5]),
            3,
            NOT_HELD,
        ),
        (pa.array([2**63 + 2 * place + 1 for place in range(ROWS)], pa.uint64()), 3, NOT_HELD),
        (pa.array([1e300] * ROWS), 3, NOT_HELD),
        (pa.array([2.0**24 + 1 + 2 * place for place in range(ROWS)]), 0, "are whole numbers that float32 rounds"),
    ],
    ids=["int64", "uint64", "beyond float32", "float64"],
)
def test_ids_that_float32_cannot_hold(
    spark: SparkSession,
    table: pa.Table,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    values: pa.Array,
    code: int,
    said: str,
):
    """A few rows that are left never pass a gate for the others."""
    gate = {"variant": "prod", "against": "online", "metric": "mismatch_rate", "max": 1.0}
    config = write_case(tmp_path, with_column(table, "x0", values), gates=[gate])
    assert command("run", config, "--quiet" if code else "--json") == code
    printed = capsys.readouterr()
    assert said in printed.out + printed.err
