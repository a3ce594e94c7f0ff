"""Whether another table can be joined, and its values taken, as far as schemas say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from replay.config import SourceConfig
from replay.errors import Problem
from replay.traffic.sources.fits import key_problems, value_problems
from replay.traffic.sources.pinned_source import PinnedSource, open_source
from tests.flows.case import LOCAL_SESSION
from tests.traffic.tables import traffic_config, write

TRAFFIC = pa.schema([("id", pa.int64()), ("user", pa.string())])
PLACE = "scenarios.served[0].source"


def source(folder: Path, **keys: Any) -> PinnedSource:
    table = pa.table({"id": pa.array([1], pa.int32()), "name": ["a"], "x": [0.5], "f": [{"y": 1}]})
    write(folder / "t.parquet", table)
    config = SourceConfig.model_validate({"path": str(folder), **keys})
    return open_source(LOCAL_SESSION, "served", config, traffic_config("/traffic"))


def test_keys_that_can_be_compared(tmp_path: Path):
    assert [*key_problems(TRAFFIC, source(tmp_path, key={"id": "id", "user": "name"}))] == []
    assert [*key_problems(TRAFFIC, source(tmp_path))] == []


def test_keys_that_cannot(tmp_path: Path):
    found = [*key_problems(TRAFFIC, source(tmp_path, key={"id": "name", "usr": "id"}))]
    assert [(each.path, each.exit_code) for each in found] == [("sources.served.key", 3)] * 2
    assert found[0].message == (
        f"`id` is int64 in the traffic, and `name` is string in {tmp_path}: their values cannot be compared; write "
        "both with one type"
    )
    assert found[1].message == "the traffic has no column `usr`; did you mean `user`?"


def test_values_that_fit(tmp_path: Path):
    types = {"x": pa.float32(), "y": pa.int32()}
    assert [*value_problems(types, source(tmp_path, columns={"y": "f.y"}), PLACE)] == []


def test_values_that_are_not_there_or_of_another_kind(tmp_path: Path):
    found = [*value_problems({"x": pa.string(), "y": pa.int64(), "z": pa.int64()}, source(tmp_path), PLACE)]
    assert found == [
        Problem(
            "source `served` has no column for `y`, `z`: say under `sources.served.columns` what it calls them, or "
            "leave them out",
            PLACE,
            exit_code=3,
        ),
        Problem(
            "source `served` cannot give `x` its `x`: it is double, expected string as in the traffic",
            PLACE,
            exit_code=3,
        ),
    ]


def test_one_that_is_misspelt(tmp_path: Path):
    (found,) = value_problems({"x0": pa.float64()}, source(tmp_path, columns={"x0": "nam3"}), PLACE)
    assert found.message.startswith("source `served` has no column for `x0` (as `nam3`); did you mean `name`?: say")


def test_many_are_counted(tmp_path: Path):
    types = {f"a{place}": pa.float64() for place in range(8)}
    (found,) = value_problems(types, source(tmp_path), PLACE)
    assert "`a3`, `a4` and 3 more: say" in found.message
