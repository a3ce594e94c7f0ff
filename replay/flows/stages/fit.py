"""Config, table, checkpoints and scenarios fit together: everything that can be proven before any row is scored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from replay.checkpoints import Checkpoint, check_inputs
from replay.config import ReplayConfig, Scenario, expand_scenarios
from replay.config.sections.model.combined import contract_path
from replay.errors import ConfigError, Problem, TrafficError
from replay.features import Encoder, check_features, feature_column, globbed_maps
from replay.flows.problems import refuse
from replay.flows.sources.distributions import least_changes_of
from replay.flows.sources.indexing import SourceIndexes, columns_taken, find_partners, tasks_read
from replay.flows.sources.opening import MatchedTables, check_sources, open_sources, source_problems, sources_used
from replay.flows.sources.unreadable import naming_sources
from replay.flows.stages.map_keys import name_map_keys
from replay.flows.stages.scenario_inputs import (
    ScenarioInputs,
    condition_problems,
    draw_donors_of,
    plan_side,
    resolve_conditions,
)
from replay.scenarios import Donors, LeastChanges, NotThere, ScenarioPlan, TouchedRows, match_targets, row_keys
from replay.scoring import PREFLIGHT_ROWS
from replay.scoring.routes import plan_routes
from replay.spark.errors import spark_errors
from replay.traffic import (
    PinnedSource,
    PinnedTraffic,
    SourceMatches,
    SplitPlan,
    check_traffic,
    column_problems,
    column_root,
    column_type,
    first_rows,
    leave_out_unreadable,
    open_traffic,
    plan_splits,
    scan_dataframe,
    values_refused,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SPLIT_ROWS = 250_000
"""Rows of a split, about, where the table is large."""


@dataclass(frozen=True)
class Fitted:
    """A config, and the pinned table that it fits.

    Attributes:
        config: With globs over the keys of maps written out.
        traffic: The pinned table.
        features: Every feature that the model reads, in schema order.
        role_types: Logged type of every column that a role names (key, time, score, label, ...).
        scenarios: The config's scenarios, expanded.
        inputs: What scenarios need that no batch holds.
        donors: Rows whose values others are given; None where no scenario asks for any.
        plan: How tasks get their rows.
        sample: A few logged rows.
        least_changes: What gives features the distributions of other tables.
        sources: Other tables that were opened, by name.
        matches: How those with a key and the traffic meet.
    """

    config: ReplayConfig
    traffic: PinnedTraffic
    features: tuple[str, ...]
    role_types: dict[str, pa.DataType]
    scenarios: tuple[Scenario, ...]
    inputs: ScenarioInputs
    donors: Donors | None
    plan: SplitPlan
    sample: pa.RecordBatch
    least_changes: LeastChanges
    sources: Mapping[str, PinnedSource]
    matches: Mapping[str, SourceMatches]


def fit(
    config: ReplayConfig,
    spark: SparkSession,
    checkpoints: Mapping[str, Checkpoint],
    visit: ExitStack,
    *,
    every_source: bool = False,
    least_changes: LeastChanges | None = None,
    matched: MatchedTables | None = None,
) -> Fitted:
    """Pin the traffic, and prove that config, checkpoints and scenarios fit it.

    Args:
        config: As loaded, its window resolved.
        spark: The session.
        checkpoints: Examined, by name.
        visit: Removes what is written of other tables for tasks on this machine.
        every_source: Open all other tables, and not only those that scenarios name.
        least_changes: What gives features the distributions of other tables; default: they are taken from these.
        matched: How other tables and the traffic were found to meet; default: their keys are read.

    Raises:
        ConfigError: They do not; every problem of a kind at once.
        TrafficError: The traffic cannot be read, or nothing of it is selected.
    """
    scenarios = expand_scenarios(config)
    traffic = open_traffic(spark, config.traffic, lenient=config.engine.max_bad_rows > 0)
    maps = globbed_maps(config.encoded_model, traffic.schema)
    if maps:  # whose keys are read next
        traffic = _readable(spark, config, traffic, maps)
    config = name_map_keys(config, spark, traffic)
    refuse(_schema_problems(config, traffic, checkpoints))
    encoder = Encoder(config.encoded_model, traffic.schema)
    refuse(_scenario_problems(config, scenarios, encoder))
    sources = open_sources(spark, config, config.sources if every_source else sources_used(scenarios))
    refuse(source_problems(config, scenarios, traffic, sources, encoder.types))
    inputs = plan_side(config, scenarios, encoder.types, sources)
    refuse(condition_problems(spark, traffic, scenarios))
    inputs = resolve_conditions(spark, traffic, inputs, scenarios)
    role_types = _role_types(config, traffic.schema)
    # A commit holds whole splits: smaller commits than a split has rows want smaller splits.
    target = config.engine.commit_rows if config.engine.commit_rows < SPLIT_ROWS else None
    slices = [name for target in match_targets(scenarios, config.encoded_model, encoder.types) for name in target.by]
    columns = _needed_columns(config, traffic.schema, encoder.roots, [*role_types, *slices])
    traffic = _readable(
        spark, config, traffic, [*columns, *inputs.reads(traffic.schema)], everywhere=bool(inputs.stale)
    )
    known = {} if matched is None else matched.indexes_of(sources)
    indexes = SourceIndexes(spark, traffic, visit, known, columns_taken(inputs.joined))
    counting = indexes if tasks_read(config.engine, traffic) else None
    matches = check_sources(spark, config, scenarios, traffic, sources, encoder.types, matched, counting)
    with naming_sources(sources), spark_errors("reading other tables"):
        inputs, lookups = find_partners(config.engine, traffic, inputs, indexes)
    plan = plan_splits(
        spark,
        traffic,
        columns,
        config.engine.reader,
        target_rows=target,
        side=inputs.obstacle,
        beside=inputs.conditions,
        lookups=lookups,
    )
    with values_refused(spark, traffic):
        sample = _sample(spark, traffic, plan, config)
        refuse(_trial_problems(config, scenarios, encoder, sample))
        donors = draw_donors_of(spark, traffic, config, scenarios, encoder.types)
    if least_changes is None:
        with values_refused(spark, traffic):
            least_changes = least_changes_of(spark, config, scenarios, traffic, sources, encoder.types)
    return Fitted(
        config,
        traffic,
        encoder.features,
        role_types,
        scenarios,
        inputs,
        donors,
        plan,
        sample,
        least_changes,
        sources,
        matches,
    )


def _readable(
    spark: SparkSession,
    config: ReplayConfig,
    traffic: PinnedTraffic,
    columns: Sequence[str],
    *,
    everywhere: bool = False,
) -> PinnedTraffic:
    """The table without files that cannot be read, where the config allows for such."""
    most = config.engine.max_bad_rows
    return leave_out_unreadable(spark, traffic, columns, most, everywhere=everywhere) if most else traffic


def _schema_problems(
    config: ReplayConfig, traffic: PinnedTraffic, checkpoints: Mapping[str, Checkpoint]
) -> Iterator[Problem]:
    """Where config, table and checkpoints do not fit together, by the table's schema and the checkpoints' files."""
    yield from column_problems(traffic.schema, traffic.config)
    for owner, model in config.contracts.items():
        yield from (_under_contract(owner, problem) for problem in check_features(model, traffic.schema))
    for checkpoint in checkpoints.values():
        yield from check_inputs(checkpoint, config.model)


def _under_contract(owner: str | None, problem: Problem) -> Problem:
    """A problem of a contract, where the config has that."""
    if owner is None or not problem.path:
        return problem
    return replace(problem, path=contract_path(owner) + problem.path.removeprefix("model"))


def _distinct(scenarios: Sequence[Scenario]) -> list[Scenario]:
    """One scenario of each that a list of rates or lags was expanded to."""
    first: dict[str, Scenario] = {}
    for scenario in scenarios:
        first.setdefault(scenario.salt, scenario)
    return list(first.values())


def _scenario_problems(config: ReplayConfig, scenarios: Sequence[Scenario], encoder: Encoder) -> Iterator[Problem]:
    """Where scenarios do not fit the table."""
    for scenario in _distinct(scenarios):
        try:
            ScenarioPlan(scenario, config.encoded_model, encoder.types, config.seed, base_dir=config.base_dir)
        except ConfigError as error:
            yield from error.problems


def _trial_problems(
    config: ReplayConfig, scenarios: Sequence[Scenario], encoder: Encoder, sample: pa.RecordBatch
) -> Iterator[Problem]:
    """What goes wrong with the user's own perturbations on a few logged rows: better now than after hours of work."""
    columns = encoder.columns(sample)
    rows = TouchedRows(
        keys=row_keys([feature_column(sample, name) for name in config.traffic.key]),
        accepted=np.ones(sample.num_rows, dtype=bool),
        time_us=None,
        has_time=None,
        column=columns.__getitem__,
        side=_no_side,
    )
    for scenario in _distinct(scenarios):
        plan = ScenarioPlan(scenario, config.encoded_model, encoder.types, config.seed, base_dir=config.base_dir)
        yield from plan.try_out(rows)


def _no_side(name: str) -> pa.Array:
    raise NotThere(name)


def _role_types(config: ReplayConfig, schema: pa.Schema) -> dict[str, pa.DataType]:
    """Logged type of every column that a role names."""
    return {name: column_type(schema, name) for names in config.traffic.roles.values() for name in names}


def _needed_columns(
    config: ReplayConfig, schema: pa.Schema, roots: Iterable[str], roles: Iterable[str]
) -> tuple[str, ...]:
    """Top-level columns that scoring reads: of features, roles and routes, in the order of the schema."""
    hashed = [name for route in plan_routes(config).values() for name in route.columns]
    needed = {*roots, *(column_root(schema, name) for name in (*roles, *hashed))}
    return tuple(name for name in schema.names if name in needed)


def _sample(spark: SparkSession, traffic: PinnedTraffic, plan: SplitPlan, config: ReplayConfig) -> pa.RecordBatch:
    """A few logged rows, from wherever they are cheapest to get.

    Raises:
        TrafficError: There are no rows at all.
    """
    found = first_rows(plan, PREFLIGHT_ROWS)
    if found is not None:
        return found
    if plan.reader == "spark":
        table = scan_dataframe(spark, traffic, plan.columns).limit(PREFLIGHT_ROWS).toArrow()
        for batch in table.combine_chunks().to_batches():
            return batch
    check_traffic(spark, traffic, config.traffic)  # says what the table covers and why nothing of it is selected
    raise TrafficError(traffic.no_rows_message())
