"""What scenarios need from other rows of the table: conditions, older values, donors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from replay.config import Problem, ReplayConfig, Scenario
from replay.config.sections.scenarios import Perturbation
from replay.scenarios import MOST_DONORS, Donors, SideColumn, donor_features, matched_name, row_keys, side_columns
from replay.traffic import (
    ComputedColumn,
    JoinedColumn,
    JoinedTable,
    PinnedSource,
    PinnedTraffic,
    StaleColumn,
    WhereColumn,
    columns_in,
    draw_donors,
    resolve_condition,
    side_dataframe,
    side_problem,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@dataclass(frozen=True)
class ScenarioInputs:
    """Columns beside the logged ones.

    Attributes:
        where: Conditions.
        stale: Older values.
        place: Where in the config something needs them, such as ``scenarios.late[0]``; None where nothing does.
        conditions: The conditions as tasks evaluate them, by :func:`resolve_conditions`.
        obstacle: Why only Spark computes some of these columns; None where there are none, or tasks compute them all.
        joined: Values of other tables.
    """

    where: tuple[WhereColumn, ...] = ()
    stale: tuple[StaleColumn, ...] = ()
    place: str | None = None
    conditions: tuple[ComputedColumn, ...] = ()
    obstacle: str | None = None
    joined: tuple[JoinedTable, ...] = ()

    def reads(self, schema: pa.Schema) -> set[str]:
        """Columns that conditions and the keys of joined tables read, beside those that models read."""
        return {
            *(name for column in self.where for name in columns_in(schema, column.where)),
            *(name for table in self.joined for name in table.source.config.key),
        }

    def scan(self, spark: SparkSession, traffic: PinnedTraffic, columns: Sequence[str]) -> DataFrame:
        """The selected rows with the logged columns and these."""
        return side_dataframe(spark, traffic, columns, self.where, self.stale, self.joined)


def plan_side(
    config: ReplayConfig,
    scenarios: Sequence[Scenario],
    types: Mapping[str, pa.DataType],
    sources: Mapping[str, PinnedSource],
) -> ScenarioInputs:
    """What Spark must compute for a config's scenarios.

    Args:
        config: The config.
        scenarios: Its scenarios, expanded.
        types: Logged type of every feature that the model reads.
        sources: The other tables that they name.
    """
    wanted = side_columns(scenarios, config.encoded_model, types)
    stale = next((place for place, step in _steps(scenarios) if step.arguments.needs_history), None)
    joined = next((place for place, step in _steps(scenarios) if step.arguments.needs_match), None)
    return ScenarioInputs(
        tuple(WhereColumn(one.name, one.where) for one in wanted if one.where is not None),
        tuple(
            StaleColumn(one.name, one.feature, one.lag)
            for one in wanted
            if one.feature is not None and one.lag is not None
        ),
        next((place for place, step in _steps(scenarios) if step.where is not None), stale or joined),
        obstacle=None if stale is None else f"`{stale}` takes older values, which only Spark brings",
        joined=_joined_tables(wanted, sources),
    )


def _joined_tables(wanted: Sequence[SideColumn], sources: Mapping[str, PinnedSource]) -> tuple[JoinedTable, ...]:
    """The tables that are joined, each once, with what is taken of it."""
    columns: dict[str, list[JoinedColumn]] = {}
    for one in wanted:
        if one.source is not None and one.feature is not None:
            columns.setdefault(one.source, []).append(JoinedColumn(one.name, one.source, one.feature))
    return tuple(JoinedTable(sources[name], matched_name(name), tuple(taken)) for name, taken in columns.items())


def _steps(scenarios: Sequence[Scenario]) -> Iterator[tuple[str, Perturbation]]:
    """Every step with its place in the config."""
    for scenario in scenarios:
        for number, step in enumerate(scenario.perturbations):
            yield f"scenarios.{scenario.salt}[{number}]", step


def resolve_conditions(
    spark: SparkSession, traffic: PinnedTraffic, inputs: ScenarioInputs, scenarios: Sequence[Scenario]
) -> ScenarioInputs:
    """Find out which conditions tasks evaluate themselves.

    Args:
        spark: The session.
        traffic: The pinned table.
        inputs: From :func:`plan_side`; in its conditions nothing is wrong.
        scenarios: Expanded.
    """
    if inputs.obstacle is not None or not inputs.where:
        return inputs
    places = {step.where: f"{place}.where" for place, step in reversed([*_steps(scenarios)])}
    conditions = tuple(
        resolve_condition(spark, traffic, one.where, places[one.where], one.name) for one in inputs.where
    )
    by_spark = next((f"`{each.place}`: {each.obstacle}" for each in conditions if each.tree is None), None)
    return replace(inputs, conditions=conditions if by_spark is None else (), obstacle=by_spark)


def condition_problems(spark: SparkSession, traffic: PinnedTraffic, scenarios: Sequence[Scenario]) -> list[Problem]:
    """What is wrong with the conditions of scenarios, found by analysing them over the table."""
    conditions = {f"{place}.where": step.where for place, step in _steps(scenarios) if step.where is not None}
    found = (side_problem(spark, traffic, where, path) for path, where in conditions.items())
    return [problem for problem in found if problem is not None]


def draw_donors_of(
    spark: SparkSession,
    traffic: PinnedTraffic,
    config: ReplayConfig,
    scenarios: Sequence[Scenario],
    types: Mapping[str, pa.DataType],
) -> Donors | None:
    """Draw the rows whose values are given to others; None where no scenario asks for it."""
    features = donor_features(scenarios, config.encoded_model, types)
    if not features:
        return None
    table = draw_donors(spark, traffic, features, config.traffic.key, MOST_DONORS, config.seed).combine_chunks()
    keys = row_keys([_array(table, name) for name in config.traffic.key])
    order = np.argsort(keys, kind="stable")
    return Donors(keys[order], {name: _array(table, name).take(pa.array(order)) for name in features})


def _array(table: pa.Table, name: str) -> pa.Array:
    column = table.column(name)
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
