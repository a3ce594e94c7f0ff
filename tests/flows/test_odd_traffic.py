"""Traffic that public reports tell of: odd times, scores, names and keys, each with the right scores in the end."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

import replay
from replay.store.local_tables import read_local_table
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
    scores = read_local_table(str(output / "scores"))
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
    scores = read_local_table(str(tmp_path / "out" / "scores"))
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
