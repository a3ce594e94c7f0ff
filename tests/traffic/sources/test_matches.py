"""Which rows of two tables share a key, against plain Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from replay.config import SourceConfig
from replay.errors import ConfigError
from replay.traffic import PinnedTraffic, open_traffic
from replay.traffic.sources.matches import SourceMatches, check_source
from replay.traffic.sources.pinned_source import PinnedSource, open_source
from tests.traffic.tables import traffic_config, write

pytestmark = pytest.mark.spark

LOGGED = {"id": list(range(100)), "user": [f"u{row % 7}" if row else None for row in range(100)]}


def traffic(spark: SparkSession, folder: Path) -> PinnedTraffic:
    write(folder / "traffic" / "t.parquet", pa.table({**LOGGED, "score": [0.0] * 100}))
    return open_traffic(spark, traffic_config(folder / "traffic"))


def source(spark: SparkSession, folder: Path, columns: dict[str, Any], **keys: Any) -> PinnedSource:
    write(folder / "other" / "t.parquet", pa.table(columns))
    config = SourceConfig.model_validate({"path": str(folder / "other"), **keys})
    return open_source(spark, "other", config, traffic_config(folder / "traffic"))


def refused(spark: SparkSession, folder: Path, columns: dict[str, Any], types: Any = None, **keys: Any) -> str:
    with pytest.raises(ConfigError) as raised:
        check_source(spark, traffic(spark, folder), source(spark, folder, columns, **keys), types or {})
    (problem,) = raised.value.problems
    assert (problem.path, problem.exit_code) == ("sources.other", 3)
    return problem.message


def test_rows_that_meet(spark: SparkSession, tmp_path: Path):
    other = source(spark, tmp_path, {"req": pa.array(range(20, 130), pa.int32())}, key={"id": "req"})
    found = check_source(spark, traffic(spark, tmp_path), other, {})
    assert (found.rows_here, found.rows_there, found.matched, found.unmatched_there) == (100, 110, 80, 30)
    assert found.unmatched_here == 20
    here, there = ({each["id"] for each in some} for some in (found.examples_here, found.examples_there))
    assert len(here) == 3
    assert here <= {*range(20)}
    assert len(there) == 3
    assert there <= {*range(100, 130)}
    warning = found.warning("other")
    assert warning is not None
    assert warning.startswith("source `other` has a row for 80 of the 100 rows of the traffic (none with id=")


def test_nearly_all_that_meet_need_no_word(spark: SparkSession, tmp_path: Path):
    found = check_source(
        spark, traffic(spark, tmp_path), source(spark, tmp_path, {"id": list(range(95))}, key="id"), {}
    )
    assert found == SourceMatches(100, 95, 95, 0)
    assert found.warning("other") is None


def test_a_null_of_ours_is_no_key(spark: SparkSession, tmp_path: Path):
    other = source(spark, tmp_path, {"user": [f"u{place}" for place in range(7)], "age": [1] * 7}, key="user")
    found = check_source(spark, traffic(spark, tmp_path), other, {"age": pa.int64()})
    assert (found.rows_here, found.matched, found.unmatched_there) == (100, 99, 0)


def test_selected_rows_alone(spark: SparkSession, tmp_path: Path):
    columns = {"id": [*range(100), 5], "day": [1] * 100 + [2]}
    other = source(spark, tmp_path, columns, key="id", where="day = 1")
    assert check_source(spark, traffic(spark, tmp_path), other, {}).rows_there == 100


def test_keys_that_are_null_or_repeated(spark: SparkSession, tmp_path: Path):
    message = refused(spark, tmp_path, {"a": [1, 1, 2, None, None]}, key={"id": "a"})
    assert "the key is null in 2 rows, for example a=null; a=null: expected a value in every row" in message
    assert "the key (a) is not unique: 2 rows share 1 keys, for example a=1 (2 rows)" in message
    assert "give `sources.other.key` columns that tell its rows apart" in message


def test_no_row_meets_another(spark: SparkSession, tmp_path: Path):
    message = refused(spark, tmp_path, {"user": ["U1", "U2"]}, key="user")
    assert "no row of the traffic has one in" in message
    assert "(none with user='u" in message
    assert "but one with user='U" in message
    assert "has no rows, or none that `sources.other` selects" in refused(
        spark, tmp_path, {"user": ["u1"]}, key="user", where="user = 'x'"
    )


@pytest.mark.parametrize(
    ("ours", "theirs", "shown"),
    [
        (pa.int8(), pa.array([1, 300, None], pa.int64()), "`x` holds 300, which `x` cannot: it is int8"),
        (pa.int64(), pa.array([1.0, 2.5, None]), "`x` holds 2.5, which `x` cannot: it is int64"),
        (pa.int64(), pa.array([1.0, float("nan"), None]), "`x` holds NaN"),
        (pa.int64(), pa.array([1.0, 2.0**63, None]), "`x` holds 9.223372036854775807E18"),
        (pa.list_(pa.int8()), pa.array([[1], [2, -129], None]), "`x` holds [2, -129]"),
    ],
)
def test_values_that_the_traffics_type_has_no_place_for(
    spark: SparkSession, tmp_path: Path, ours: pa.DataType, theirs: pa.Array, shown: str
):
    message = refused(spark, tmp_path, {"id": [1, 2, 3], "x": theirs}, {"x": ours}, key="id")
    assert message.startswith(shown.replace("9.223372036854775807E18", "9.223372036854776E18"))
    assert message.endswith("(1 rows)")


@pytest.mark.parametrize("theirs", [pa.array([1.0, -(2.0**63), None]), pa.array([5, -(2**63), None], pa.int64())])
def test_values_that_it_has(spark: SparkSession, tmp_path: Path, theirs: pa.Array):
    other = source(spark, tmp_path, {"id": [1, 2, 3], "x": theirs}, key="id")
    assert check_source(spark, traffic(spark, tmp_path), other, {"x": pa.int64()}).matched == 3
