"""Other tables opened: through the code that opens traffic, with places of their own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from replay.config import SourceConfig
from replay.errors import ConfigError
from replay.traffic.sources.pinned_source import PinnedSource, open_source
from tests.flows.case import LOCAL_SESSION
from tests.traffic.tables import traffic_config, write

AT = pa.array([datetime(2026, 11, day, tzinfo=UTC) for day in (1, 2, 3)], pa.timestamp("us", "UTC"))
TABLE = pa.table({"req": ["a", "b", "c"], "at": AT, "clicked": [0, 1, 0], "f": [{"x": 1.0}, {"x": 2.0}, None]})


def opened(folder: Path, traffic: dict[str, Any] | None = None, **keys: Any) -> PinnedSource:
    write(folder / "t.parquet", TABLE)
    source = SourceConfig.model_validate({"path": str(folder), **keys})
    return open_source(LOCAL_SESSION, "other", source, traffic_config("/traffic", **(traffic or {})))


def problems(folder: Path, **keys: Any) -> dict[str, str]:
    with pytest.raises(ConfigError) as raised:
        opened(folder, **keys)
    assert raised.value.exit_code == 3 or "delta_version" in keys
    return {problem.path: problem.message for problem in raised.value.problems}


def test_it_is_pinned_as_traffic_is(tmp_path: Path):
    found = opened(tmp_path, key={"id": "req"}, columns={"*": "f.*"})
    assert (found.table.format, found.table.num_rows) == ("parquet", 3)
    assert found.table.config.key == ("req",)
    assert found.fingerprint() == found.table.fingerprint()
    assert found.describe()["files"] == 1
    path = found.column_of("x")
    assert path is not None
    assert (path.root, path.type) == ("f", pa.float64())
    assert found.column_of("y") is None


def test_time_and_label_are_those_of_the_traffic_where_the_table_has_them(tmp_path: Path):
    found = opened(tmp_path, {"time": "at", "label": "clicked"}).table.config
    assert (found.time is not None and found.time.column, found.label) == ("at", "clicked")
    found = opened(tmp_path, {"time": "ts", "label": "y"}).table.config
    assert (found.time, found.label) == (None, None)
    found = opened(tmp_path, {"time": "ts"}, time="at", label="clicked").table.config
    assert (found.time is not None and found.time.column, found.label) == ("at", "clicked")


def test_what_is_wrong_has_its_place_under_sources(tmp_path: Path):
    assert problems(tmp_path, key="rec") == {
        "sources.other.key[0]": "the table has no column `rec`; did you mean `req`?"
    }
    found = problems(tmp_path, time="clicked")
    assert found["sources.other.time"].startswith("column `clicked` is int64: say its unit")
    assert problems(tmp_path, known_at="zzz") == {"sources.other.known_at": "the table has no column `zzz`"}
    found = problems(tmp_path, delta_version=3)
    assert "is not a Delta table" in found["sources.other.delta_version"]


def test_a_window_needs_a_time_that_the_table_has(tmp_path: Path):
    window = {"start": "2026-11-02", "end": "2026-11-03"}
    write(tmp_path / "t.parquet", TABLE)
    source = SourceConfig.model_validate({"path": str(tmp_path), "window": window})
    with pytest.raises(ConfigError) as raised:
        open_source(LOCAL_SESSION, "other", source, traffic_config("/traffic", time="ts"))
    assert [problem.path for problem in raised.value.problems] == ["sources.other.time"]
    found = open_source(LOCAL_SESSION, "other", source, traffic_config("/traffic", time="at"))
    assert found.table.config.window is not None
    assert found.table.config.window.start == datetime(2026, 11, 2, tzinfo=UTC)


def test_a_table_that_is_not_there(tmp_path: Path):
    source = SourceConfig(path=str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError) as raised:
        open_source(LOCAL_SESSION, "other", source, traffic_config("/traffic"))
    assert [(problem.path, problem.exit_code) for problem in raised.value.problems] == [("sources.other", 3)]
    assert "nowhere: no such file" in raised.value.problems[0].message
