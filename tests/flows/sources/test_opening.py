"""Other tables opened for scenarios: all problems of all of them at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from replay.config import ReplayConfig, build_config, expand_scenarios
from replay.config.sections.traffic import Sample
from replay.errors import ConfigError
from replay.flows.sources.opening import MatchedTables, match_warnings, open_sources, source_problems, sources_used
from replay.traffic import SourceMatches
from tests.flows.case import LOCAL_SESSION, config_data

INPUTS = [
    {"name": "dense", "dtype": "float32", "features": ["x*"], "missing": 0.0},
    {"name": "item", "dtype": "int64", "feature": "item", "missing": 0},
]
TYPES = {**{f"x{place}": pa.float32() for place in range(3)}, "item": pa.int64()}
SCENARIOS = {
    "plain": [{"op": "nulls", "features": ["x0"]}],
    "some": [{"op": "from", "source": "served", "features": ["x0", "item"], "rate": [0.1, 0.5]}],
    "more": [{"op": "from", "source": "served", "features": ["x*"]}, {"op": "from", "source": "b", "features": "x1"}],
}


def config(folder: Path, sources: dict[str, Any]) -> ReplayConfig:
    data = config_data(scenarios=SCENARIOS, model__inputs=INPUTS, sources=sources)
    return build_config(data, folder)


def write(folder: Path, name: str, **columns: Any) -> dict[str, Any]:
    pq.write_table(pa.table(columns), folder / f"{name}.parquet")
    return {"path": f"{name}.parquet", "key": "request_id"}


def test_tables_that_scenarios_name(tmp_path: Path):
    entry = {"path": "x", "key": "request_id"}
    given = config(tmp_path, {"other": entry, "b": entry, "served": entry})
    assert sources_used(expand_scenarios(given)) == ("served", "b")


def test_all_that_cannot_be_opened_is_told(tmp_path: Path):
    given = config(tmp_path, {"served": {"path": "a", "key": "request_id"}, "b": {"path": "c", "key": "request_id"}})
    with pytest.raises(ConfigError) as raised:
        open_sources(LOCAL_SESSION, given, ["served", "b"])
    assert [problem.path for problem in raised.value.problems] == ["sources.served", "sources.b"]


def test_what_does_not_fit_has_the_step_that_asks_for_it(tmp_path: Path):
    served = write(tmp_path, "served", request_id=["r"], x0=[1.0], x1=["text"], x2=[1])
    other = write(tmp_path, "b", request_id=[1], x1=[1.0])
    given = config(tmp_path, {"served": served, "b": other})
    sources = open_sources(LOCAL_SESSION, given, ["served", "b"])
    traffic: Any = type("Traffic", (), {"schema": pa.schema([("request_id", pa.string())])})
    found = [*source_problems(given, expand_scenarios(given), traffic, sources, TYPES)]
    assert [(problem.path, problem.message.partition(":")[0]) for problem in found] == [
        ("sources.b.key", f"`request_id` is string in the traffic, and `request_id` is int64 in {tmp_path}/b.parquet"),
        ("scenarios.some[0].source", "source `served` has no column for `item`"),
        ("scenarios.more[0].source", "source `served` cannot give `x1` its `x1`"),
    ]


def test_few_matches_are_told():
    found = [*match_warnings({"served": SourceMatches(100, 10, 99, 0), "b": SourceMatches(1000, 10, 100, 0)})]
    assert found == ["source `b` has a row for 100 of the 1,000 rows of the traffic; the others keep what was logged"]


def test_what_is_known_of_tables_holds_for_the_same_rows_of_the_same_files(tmp_path: Path):
    entry = write(tmp_path, "served", request_id=["r"], x0=[1.0])
    given = config(tmp_path, {"served": entry, "b": entry})
    (source,) = open_sources(LOCAL_SESSION, given, ["served"]).values()
    (again,) = open_sources(LOCAL_SESSION, given, ["served"]).values()
    matches = SourceMatches(1, 1, 1, 0)
    known = MatchedTables(source.table, {"served": source}, {"served": matches})

    assert known.of(again.table, again) is matches
    assert known.of(again.table, replace(again, name="b")) is None
    view = replace(source.table, format="view")
    assert replace(known, traffic=view).of(view, again) is None
    some = again.table.config.model_copy(update={"sample": Sample(rate=0.5)})
    assert known.of(replace(again.table, config=some), again) is None
    index: Any = object()
    indexed = replace(known, indexes={"served": index}, traffic=view)
    assert indexed.indexes_of({"served": again}) == {"served": index}
    assert indexed.indexes_of({"b": again}) == {}
    assert indexed.indexes_of({"served": replace(again, table=view)}) == {}
    renamed = again.config.model_copy(update={"key": {"item": "request_id"}})
    assert known.of(again.table, replace(again, config=renamed)) is None


def test_tables_whose_files_have_changed_are_read_again(tmp_path: Path):
    entry = write(tmp_path, "served", request_id=["r"], x0=[1.0])
    given = config(tmp_path, {"served": entry, "b": entry})
    (source,) = open_sources(LOCAL_SESSION, given, ["served"]).values()
    known = MatchedTables(source.table, {"served": source}, {"served": SourceMatches(1, 1, 1, 0)})
    write(tmp_path, "served", request_id=["r", "s"], x0=[1.0, 2.0])
    (again,) = open_sources(LOCAL_SESSION, given, ["served"]).values()

    assert known.of(source.table, again) is None
    assert known.of(again.table, source) is None
