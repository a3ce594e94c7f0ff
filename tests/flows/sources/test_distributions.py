"""Distributions of two tables, read in parts by tasks: the change that they make is the one of whole columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from replay.config import ReplayConfig, build_config, expand_scenarios
from replay.errors import ConfigError
from replay.flows.sources.distributions import least_changes_of
from replay.flows.sources.opening import open_sources
from replay.scenarios import MatchTarget
from replay.scenarios.least_change import SlicedSummary, summary_of
from replay.scenarios.matching import slices_of
from replay.traffic import open_traffic
from tests.flows.case import config_data, make_table, write_case

pytestmark = pytest.mark.spark

TYPES = {**{f"x{place}": pa.float32() for place in range(2)}, "x2": pa.float64(), "item": pa.int64()}
MATCH = {"op": "match", "source": "trained", "features": ["x0", "x1"]}


def case(folder: Path, scenarios: dict[str, Any], **source: Any) -> ReplayConfig:
    write_case(folder, make_table(1_000))
    other = make_table(700, seed=3)
    (folder / "trained").mkdir(exist_ok=True)
    renamed = other.rename_columns([{"x0": "first"}.get(name, name) for name in other.column_names])
    for place in range(2):
        pq.write_table(renamed.slice(place * 350, 350), folder / "trained" / f"{place}.parquet")
    sources = {"trained": {"path": "trained", "columns": {"x0": "first"}, **source}}
    return build_config(config_data(scenarios=scenarios, sources=sources), folder)


def changes(spark: SparkSession, config: ReplayConfig) -> Any:
    traffic = open_traffic(spark, config.traffic)
    sources = open_sources(spark, config, ["trained"])
    return least_changes_of(spark, config, expand_scenarios(config), traffic, sources, TYPES)


def whole(table: pa.Table, feature: str, by: list[str]) -> SlicedSummary:
    batch = table.combine_chunks().to_batches()[0]
    summary = SlicedSummary(lambda: summary_of("numbers", pa.float32()))
    summary.update(batch[feature], slices_of(batch, by))
    return summary


def test_the_changes_are_those_of_whole_columns(spark: SparkSession, tmp_path: Path) -> None:
    scenarios = {"all": [MATCH], "sliced": [{**MATCH, "by": "surface", "features": "x0"}]}
    found = changes(spark, case(tmp_path, scenarios))
    assert set(found) == {MatchTarget("trained", by, x) for by, x in (((), "x0"), ((), "x1"), (("surface",), "x0"))}
    table, other = make_table(1_000), make_table(700, seed=3)
    batch = table.combine_chunks().to_batches()[0]
    randoms = np.random.default_rng(0).integers(0, 2**64, 1_000, np.uint64)
    for target, change in found.items():
        by = list(target.by)
        expected = whole(table, target.feature, by).change_to(whole(other, target.feature, by))
        slices = slices_of(batch, by)
        values = batch[target.feature]
        assert change.apply(values, randoms, slices).equals(expected.apply(values, randoms, slices))
        assert not change.apply(values, randoms, slices).equals(values)


def test_without_such_a_scenario_nothing_is_read(tmp_path: Path) -> None:
    config = case(tmp_path, {"null": [{"op": "nulls", "features": "x0"}]})
    no_spark: Any = None
    assert least_changes_of(no_spark, config, expand_scenarios(config), no_spark, {}, TYPES) == {}


def test_a_table_of_no_rows_has_no_distribution(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        changes(spark, case(tmp_path, {"all": [MATCH]}, where="surface = 'nowhere'"))
    assert [(problem.path, problem.exit_code) for problem in raised.value.problems] == [("sources.trained", 3)]
