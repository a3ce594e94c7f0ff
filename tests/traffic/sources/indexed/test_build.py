"""What tasks write of another table, and where only Spark joins it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from replay.errors import TrafficError
from replay.traffic.key_digests import Digests
from replay.traffic.sources.indexed import build
from replay.traffic.sources.indexed.build import index_obstacle, index_source
from replay.traffic.sources.indexed.index import OpenedIndex
from tests.traffic.sources.indexed.tables import ROWS, indexed, opened, served

pytestmark = pytest.mark.spark


def words(table: pa.Table) -> dict[str, str | None]:
    return {row["key"]: row["word"] for row in table.to_pylist()}


def test_several_ranges_of_digests_and_many_blocks(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(build, "digest_ranges", lambda _: [(0, 2**62), (2**62, 2**63), (2**63, 2**64)])
    table = served()
    _, _, index = indexed(spark, tmp_path, [table.slice(start, 100) for start in range(0, ROWS, 100)], ["word"])
    keys = pa.array([f"r{row}" for row in range(2 * ROWS)])
    _, found = OpenedIndex(index).partners([keys], ["word"])

    assert found.column("word").to_pylist() == [words(table).get(key) for key in keys.to_pylist()]
    assert index.lower == (0, 2**62, 2**63)
    assert index.schema.names == ["key", "word"]


def test_rows_that_are_selected_and_no_others(spark: SparkSession, tmp_path: Path):
    table = served()
    _, _, index = indexed(spark, tmp_path, [table], ["word"], where="other < 50")
    kept = table.filter(pa.compute.less(table["other"], 50))
    keys = pa.array(table["key"].to_pylist())
    places, found = OpenedIndex(index).partners([keys], ["word"])

    assert index.rows == 50
    assert int((places >= 0).sum()) == 50
    assert found.column("word").to_pylist() == [words(kept).get(key) for key in keys.to_pylist()]


def test_a_table_of_which_nothing_is_selected(spark: SparkSession, tmp_path: Path):
    _, _, index = indexed(spark, tmp_path, [served()], ["word"], where="other < 0")
    places, _ = OpenedIndex(index).partners([pa.array(["r2"])], ["word"])
    assert (index.rows, places.tolist()) == (0, [-1])


def test_digests_that_two_keys_share_are_left_to_spark(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    traffic, source = opened(spark, tmp_path, [served()])
    work = build._gather

    def shared(*given: object) -> bool:
        return work(*given) or True  # type: ignore[arg-type]

    monkeypatch.setattr(build, "_gather", shared)
    assert index_source(spark, traffic, source, ["word"], tmp_path / "index") == "has two keys that share a digest"


def test_digests_that_are_there_twice_are_seen(tmp_path: Path):
    def part(name: str, digests: list[int]) -> build._Written:
        found: Digests = np.array(digests, np.uint64)
        np.save(tmp_path / f"{name}-d.npy", found)
        np.save(tmp_path / f"{name}-p.npy", np.arange(len(found)))
        return build._Written(
            name, (len(found),), len(found), str(tmp_path / f"{name}-d.npy"), str(tmp_path / f"{name}-p.npy")
        )

    parts = [part("a", [1, 5, 9]), part("b", [2, 9])]
    assert build._gather(parts, [0, 1, 2], (0, 2**64), str(tmp_path), 0)
    assert np.load(tmp_path / "digests-0.npy").tolist() == [1, 2, 5, 9, 9]
    assert np.load(tmp_path / "places-0.npy").tolist() == [0, 1 << 32, 1, 2, (1 << 32) + 1]
    assert not build._gather(parts, [0, 1, 2], (0, 9), str(tmp_path), 1)


def test_a_table_that_is_too_large(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    traffic, source = opened(spark, tmp_path, [served()])
    monkeypatch.setattr(build, "LARGEST_BYTES", 1_000)
    assert index_source(spark, traffic, source, ["word"], tmp_path / "index") == "takes more than 0 GiB"
    assert not (tmp_path / "index").exists()


def test_where_only_spark_joins(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    _, source = opened(spark, tmp_path, [served()])
    assert index_obstacle(spark, source) is None
    _, by_spark = opened(spark, tmp_path / "where", [served()], where="reflect('java.lang.Math', 'abs', other) > 1")
    told = index_obstacle(spark, by_spark)
    assert told is not None
    assert told.startswith("cannot be read by tasks: `traffic.where`")
    monkeypatch.setattr(build, "same_machine", lambda _: False)
    assert index_obstacle(spark, source) == "is joined by Spark where tasks run on other machines"


def test_a_file_that_is_gone(spark: SparkSession, tmp_path: Path):
    traffic, source = opened(spark, tmp_path, [served(), served(10)])
    (tmp_path / "served" / "1.parquet").unlink()
    with pytest.raises(TrafficError, match=r"1\.parquet"):
        index_source(spark, traffic, source, ["word"], tmp_path / "index")


def test_bytes_are_guessed_from_the_first_rows():
    assert build._bytes_of(SimpleNamespace(splits=())) == 0.0  # type: ignore[arg-type]
