"""Files of another table that cannot be read: one error before anything is scored, with the table and what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake
from pyspark.sql import SparkSession

import replay
from replay.errors import ConfigError, ReplayError, RunFailed, TrafficError
from replay.flows.audit.run import audit
from replay.flows.sources.unreadable import is_about_file, naming_sources
from tests.damage import break_page, break_page_header, empty, encrypt, truncate
from tests.flows.case import make_table, write_case

ROWS = 1_000
ALLOWED = "engine.max_bad_rows=100000"
FOOTERS: dict[str, Callable[[Path], Any]] = {"truncated": truncate, "empty": empty, "encrypted": encrypt}
PAGES: dict[str, Callable[[Path, str], Any]] = {"page": break_page, "page header": break_page_header}


def write(directory: Path, *, joined: bool, delta: bool) -> tuple[Path, list[Path]]:
    """Traffic and another table in which a feature is shifted, of four files with checksums of pages."""
    traffic = make_table()
    shifted = pc.add(traffic["x0"], pa.scalar(1.0, pa.float32()))
    other, place = traffic.set_column(traffic.schema.get_field_index("x0"), "x0", shifted), directory / "other"
    parts = [other.slice(number * ROWS, ROWS) for number in range(4)]
    if delta:
        for part in parts:
            write_deltalake(place, part, mode="append")
        files = sorted(place.glob("*.parquet"))
    else:
        place.mkdir()
        files = [place / f"{number}.parquet" for number in range(4)]
        for file, part in zip(files, parts, strict=True):
            pq.write_table(part, file, row_group_size=100, write_page_checksum=True)
    config = write_case(
        directory,
        traffic,
        sources={"served": {"path": "other", **({"key": ["request_id"]} if joined else {})}},
        audits={"logging": {"against": "served", "features": ["x0"]}},
        features={"core": ["x0"]},
    )
    return config, files


def refused(config: Path) -> ReplayError:
    """The one error, with nothing scored, also where files of the traffic might be left out."""
    with pytest.raises(ReplayError) as raised:
        audit(config, overrides=[ALLOWED], quiet=True)
    assert raised.value.exit_code == 3
    assert not (config.parent / "out" / "scores").exists()
    assert not (config.parent / "out" / "summary.json").exists()
    return raised.value


@pytest.mark.spark
@pytest.mark.parametrize("joined", [True, False], ids=["joined", "unjoined"])
@pytest.mark.parametrize("delta", [True, False], ids=["delta", "parquet"])
def test_a_file_without_a_footer_is_told_as_the_table_is_opened(
    spark: SparkSession, tmp_path: Path, joined: bool, delta: bool
):
    config, files = write(tmp_path, joined=joined, delta=delta)
    whole = files[2].read_bytes()
    for damage in FOOTERS.values():
        damage(files[2])
        error = refused(config)
        assert isinstance(error, ConfigError)
        (problem,) = error.problems
        assert problem.path == "sources.served"
        assert str(files[2]) in problem.message
        assert any(what in problem.message for what in ("restore it", "write it again"))
        files[2].write_bytes(whole)


@pytest.mark.spark
@pytest.mark.parametrize("joined", [True, False], ids=["joined", "unjoined"])
@pytest.mark.parametrize("delta", [True, False], ids=["delta", "parquet"])
def test_a_damaged_page_is_told_as_the_tables_are_compared(
    spark: SparkSession, tmp_path: Path, joined: bool, delta: bool
):
    config, files = write(tmp_path, joined=joined, delta=delta)
    whole = files[2].read_bytes()
    for name, damage in PAGES.items():
        if delta and name == "page":
            continue  # delta-rs writes no checksums: other numbers are numbers
        damage(files[2], "x0")
        error = refused(config)
        assert str(error).startswith(f"source `served`: {files[2]}: cannot be read (")
        assert str(error).endswith(
            "): the file is corrupt; restore it, or give `sources.served` another place or version. No file of another "
            "table is left out: `--max-bad-rows` is for the traffic"
        )
        assert "\n" not in str(error)
        files[2].write_bytes(whole)


@pytest.mark.spark
def test_one_in_a_column_that_only_the_replay_of_its_rows_reads_ends_the_audit(spark: SparkSession, tmp_path: Path):
    config, files = write(tmp_path, joined=False, delta=False)
    break_page_header(files[2], "x2")

    with pytest.raises(TrafficError, match=f"^source `served`: {files[2]}: cannot be read") as raised:
        audit(config, quiet=True)

    assert raised.value.exit_code == 3
    assert not (tmp_path / "out" / "summary.json").exists()
    assert not (tmp_path / "out" / ".reference").exists()


@pytest.mark.spark
def test_a_scenario_that_takes_its_values_ends_alike(spark: SparkSession, tmp_path: Path):
    config, files = write(tmp_path, joined=True, delta=False)
    break_page_header(files[2], "x0")
    scenario = 'scenarios={"as_served": [{"op": "from", "source": "served", "features": ["x0"]}]}'

    with pytest.raises(TrafficError, match=f"^source `served`: {files[2]}: cannot be read") as raised:
        replay.run(config, overrides=[scenario], quiet=True)

    assert raised.value.exit_code == 3
    assert not (tmp_path / "out" / "summary.json").exists()


def _source(*files: str) -> Any:
    return SimpleNamespace(table=SimpleNamespace(files=[SimpleNamespace(path=file) for file in files]))


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("/data/a b/0.parquet", "file:///data/a%20b/0.parquet"),
        ("/data/a b/0.parquet", "file:/data/a b/0.parquet"),
        ("s3://bucket/a/0.parquet", "s3a://bucket/a/0.parquet"),
    ],
)
def test_a_path_is_one_however_spark_writes_it(file: str, said: str):
    message = f"comparing the tables: Encountered error while reading file {said}. (EOFException: 5 bytes left)"
    with (
        pytest.raises(TrafficError, match=rf"^source `there`: {file}: cannot be read \(EOFException: 5 bytes left\): "),
        naming_sources({"other": _source("/data/1.parquet"), "there": _source(file)}),
    ):
        raise TrafficError(message)


def test_what_is_not_about_its_files_is_let_through():
    source = _source("/data/other/0.parquet")
    for error in (TrafficError("/data/traffic/0.parquet: cannot be read (x)"), RunFailed("/data/other/0.parquet")):
        with pytest.raises(type(error)) as raised, naming_sources({"served": source}):
            raise error
        assert raised.value is error
    assert is_about_file(ValueError("in /data/other/0.parquet"), source)
