"""Rows of an index found by key, against a dictionary."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from replay.traffic.sources.indexed import index as module
from replay.traffic.sources.indexed.index import OpenedIndex, SourceIndex, opened
from tests.traffic.sources.indexed.tables import ROWS, indexed, served

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def made(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> SourceIndex:
    table = served()
    parts = [table.slice(0, 130), table.slice(130, 0), table.slice(130)]
    return indexed(spark, tmp_path_factory.mktemp("index"), parts, ["f.x", "f.tags", "word"])[2]


def test_rows_are_found_by_their_keys(made: SourceIndex):
    rows = {row["key"]: row for row in served().to_pylist()}
    asked = [f"r{row}" for row in np.random.default_rng(0).permutation(3 * ROWS)] + [None, "r2", "r2", ""]
    places, found = OpenedIndex(made).partners([pa.array(asked)], ["f", "word"])

    assert found.schema.names == ["f", "word"]
    expected = [rows.get(key, {"f": None, "word": None}) for key in asked]
    assert found.to_pylist() == [{name: row[name] for name in ("f", "word")} for row in expected]
    assert (places >= 0).tolist() == [key in rows for key in asked]
    assert made.rows == ROWS
    assert made.holds(["f"])
    assert not made.holds(["f", "other"])


def test_nobody_has_a_partner(made: SourceIndex):
    places, found = OpenedIndex(made).partners([pa.array(["x", None])], ["f", "word"])
    assert places.tolist() == [-1, -1]
    assert found.to_pylist() == [{"f": None, "word": None}] * 2
    assert OpenedIndex(made).partners([pa.array([], pa.string())], ["word"])[1].num_rows == 0


def test_another_key_of_the_same_digest_is_no_partner(made: SourceIndex, monkeypatch: pytest.MonkeyPatch):
    """The one row has the place of another one: what counts are the keys themselves."""
    index = OpenedIndex(made)
    right, _ = index.partners([pa.array(["r2", "r4"])], ["word"])
    monkeypatch.setattr(index, "_find", lambda _: right[[0, 0]])
    places, found = index.partners([pa.array(["r2", "r4"])], ["word"])
    assert places.tolist() == [right[0], -1]
    assert found.column("word")[1].as_py() is None


def test_a_worker_keeps_a_few_open(made: SourceIndex):
    module._opened.clear()
    assert opened(made) is opened(pickle.loads(pickle.dumps(made)))
    first = opened(made)
    for number in range(4):
        directory = Path(made.directory).parent / f"copy-{number}"
        directory.symlink_to(made.directory)
        opened(replace(made, directory=str(directory)))
    assert len(module._opened) == 4
    assert opened(made) is not first


def test_what_is_gone_is_not_kept_open(made: SourceIndex, tmp_path: Path):
    module._opened.clear()
    (tmp_path / "gone").symlink_to(made.directory)
    opened(replace(made, directory=str(tmp_path / "gone")))
    (tmp_path / "gone").unlink()
    opened(made)
    assert [*module._opened] == [made.directory]
