"""What every flow needs first: a session, the examined checkpoints, the pinned traffic, and proof that they fit."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from replay.checkpoints import Checkpoint, cached_scorer, check_inputs
from replay.config import (
    ReplayConfig,
    Scenario,
    expand_scenarios,
)
from replay.errors import ConfigError, Problem, ReplayError, TrafficError
from replay.features import Encoder, check_features, feature_column
from replay.flows.options import Options
from replay.flows.stages.examine import examine_all
from replay.flows.stages.map_keys import name_map_keys
from replay.flows.stages.scenario_inputs import ScenarioInputs, condition_problems, draw_donors_of, plan_side
from replay.flows.stages.session_prestart import is_short
from replay.scenarios import NotThere, ScenarioPlan, TouchedRows, row_keys
from replay.scoring import PREFLIGHT_ROWS, Preflight, Work, carried_columns, plan_variants, run_preflight
from replay.scoring.job import ScoreJob
from replay.scoring.routes import plan_routes, route_types
from replay.scoring.sources import find_sources
from replay.scoring.warmup import warm_up
from replay.spark.guest import at_work, private_session, session_pool
from replay.spark.session import is_running, start_session
from replay.spark.task_errors import spark_errors
from replay.traffic import (
    PinnedTraffic,
    SplitPlan,
    TrafficCheck,
    check_traffic,
    column_problems,
    column_root,
    column_type,
    open_traffic,
    plan_splits,
    read_split,
    scan_dataframe,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SPLIT_ROWS = 250_000
"""Rows of a split, about, where the table is large."""


@dataclass(frozen=True)
class Prepared:
    """All that scoring needs, checked.

    Attributes:
        config: As loaded.
        spark: The private session that the work is done in.
        checkpoints: Examined, by name.
        traffic: The pinned table.
        plan: How tasks get their rows.
        side: What Spark computes beside the logged columns.
        job: What tasks do.
        features: Every feature that the model reads, in schema order.
        preflight: What scoring a few rows told.
        check: What all keys and times told; None where they were not read.
    """

    config: ReplayConfig
    spark: SparkSession
    checkpoints: dict[str, Checkpoint]
    traffic: PinnedTraffic
    plan: SplitPlan
    side: ScenarioInputs
    job: ScoreJob
    features: tuple[str, ...]
    preflight: Preflight
    check: TrafficCheck | None = None

    def scan(self) -> DataFrame:
        """The rows as Spark reads them."""
        return self.side.scan(self.spark, self.traffic, self.plan.columns)


def start(
    config: ReplayConfig, options: Options, visit: contextlib.ExitStack, *, warm: bool
) -> tuple[SparkSession, dict[str, Checkpoint]]:
    """Start Spark, and meanwhile examine the checkpoints and open them: each takes seconds.

    Args:
        config: As loaded.
        options: From the command line.
        visit: Ends the work in the session, and leaves Spark as it was found.
        warm: Start the workers too, as soon as there is a session, since they will have something to score.
    """

    def begin() -> SparkSession:
        host = start_session(options.master, options.conf, short=is_short(config))
        return private_session(host, keep=options.conf)

    with ThreadPoolExecutor(2) as pool:
        # Which session is active is known in this thread alone. To find it takes no time; to start one does.
        session = _done(begin()) if is_running() else pool.submit(begin)
        checkpoints = examine_all(config, options)
        if warm:
            pool.submit(lambda: warm_up(session.result(), checkpoints, config.model, config.engine))
        for checkpoint in checkpoints.values():
            # One that does not open is the preflight's to tell, with everything else that is wrong.
            with contextlib.suppress(ReplayError):
                cached_scorer(checkpoint, config.model)
        spark = visit.enter_context(at_work(session.result()))
    return spark, checkpoints


def _done(session: SparkSession) -> Future[SparkSession]:
    future: Future[SparkSession] = Future()
    future.set_result(session)
    return future


def prepare(
    config: ReplayConfig,
    options: Options,
    visit: contextlib.ExitStack,
    pin: Callable[[SparkSession, dict[str, Checkpoint]], ReplayConfig] | None = None,
    *,
    check_keys: bool = False,
) -> Prepared:
    """Get everything ready and prove that it fits, before any long work.

    Args:
        config: As loaded.
        options: From the command line.
        visit: Ends the work in the session, and leaves Spark as it was found.
        pin: Given the session and the examined checkpoints, returns the config with the traffic's version pinned where
            an unfinished run is to be resumed.
        check_keys: Read the whole traffic's keys and times too, beside the opening of the checkpoints.

    Raises:
        ConfigError: The config does not fit the traffic or the checkpoints; every problem at once.
        TrafficError: The traffic cannot be read.
        CheckpointError: A checkpoint is refused.
    """
    spark, checkpoints = start(config, options, visit, warm=pin is not None)
    if pin is not None:
        config = pin(spark, checkpoints)
    routes = plan_routes(config)
    scenarios = expand_scenarios(config)
    with spark_errors("reading the traffic"), located(config):
        traffic = open_traffic(spark, config.traffic)
        config = name_map_keys(config, spark, traffic)
        _raise(fit_problems(config, traffic.schema, checkpoints))
        encoder = Encoder(config.model, traffic.schema)
        _raise(_scenario_problems(config, scenarios, encoder))
        columns = needed_columns(config, traffic.schema, encoder.roots)
        side = plan_side(config, scenarios, encoder.types)
        # A commit holds whole splits: smaller commits than a split has rows want smaller splits.
        target = config.engine.commit_rows if config.engine.commit_rows < SPLIT_ROWS else None
        _raise(condition_problems(spark, traffic, scenarios))
        plan = plan_splits(spark, traffic, columns, config.engine.reader, target_rows=target, side=side.place)
        sample = _sample(spark, traffic, plan, config)
        _raise(_own_problems(config, scenarios, encoder, sample))
        donors = draw_donors_of(spark, traffic, config, scenarios, encoder.types)
    with session_pool(spark, 1) as pool, spark_errors("checking the traffic"):
        # Spark reads keys while this process opens the checkpoints; what is wrong with these is told first.
        checking = pool.submit(check_traffic, spark, traffic, config.traffic) if check_keys else None
        preflight = run_preflight(config.model, checkpoints, sample)
        with located(config):
            _raise(preflight.problems)
        check = None if checking is None else checking.result()
    variants = plan_variants(config)
    types = {**preflight.score_types, **route_types(routes, preflight.score_types)}
    work = Work(
        model=config.model,
        variants=variants,
        score_types={variant.name: types[variant.checkpoint] for variant in variants},
        carried=carried_columns(config.traffic, _types(config, traffic.schema)),
        time=config.traffic.time.column if config.traffic.time is not None else None,
        time_unit=config.traffic.time.unit if config.traffic.time is not None else None,
        key=config.traffic.key,
        seed=config.seed,
        routes=routes,
        scenarios=scenarios,
        donors=donors,
        whole=preflight.dependent,
        base_dir=config.base_dir,
    )
    job = ScoreJob(work, checkpoints, config.engine, find_sources(work, checkpoints))
    return Prepared(config, spark, checkpoints, traffic, plan, side, job, encoder.features, preflight, check)


def _scenario_problems(config: ReplayConfig, scenarios: Sequence[Scenario], encoder: Encoder) -> Iterator[Problem]:
    """What of the scenarios does not fit the table."""
    told: set[str] = set()
    for scenario in scenarios:
        if scenario.salt in told:
            continue  # another value of the same list
        told.add(scenario.salt)
        try:
            ScenarioPlan(scenario, config.model, encoder.types, config.seed, base_dir=config.base_dir)
        except ConfigError as error:
            yield from error.problems


def _own_problems(
    config: ReplayConfig, scenarios: Sequence[Scenario], encoder: Encoder, sample: pa.RecordBatch
) -> Iterator[Problem]:
    """What goes wrong with perturbations of the user's own over a few logged rows: told before hours of work."""
    columns = encoder.columns(sample)
    rows = TouchedRows(
        keys=row_keys([feature_column(sample, name) for name in config.traffic.key]),
        accepted=np.ones(sample.num_rows, dtype=bool),
        time_us=None,
        has_time=None,
        column=columns.__getitem__,
        side=_no_side,
    )
    for scenario in {scenario.salt: scenario for scenario in scenarios}.values():
        plan = ScenarioPlan(scenario, config.model, encoder.types, config.seed, base_dir=config.base_dir)
        yield from plan.try_out(rows)


def _no_side(name: str) -> pa.Array:
    raise NotThere(name)


def fit_problems(config: ReplayConfig, schema: pa.Schema, checkpoints: Mapping[str, Checkpoint]) -> list[Problem]:
    """Everything in which config, table and checkpoints do not fit together, as far as can be told without running."""
    problems = [*column_problems(schema, config.traffic), *check_features(config.model, schema)]
    for checkpoint in checkpoints.values():
        problems.extend(check_inputs(checkpoint, config.model))
    return problems


def needed_columns(config: ReplayConfig, schema: pa.Schema, roots: Iterable[str]) -> tuple[str, ...]:
    """Top-level columns that scoring reads: the features' roots and the roles', in the order of the schema."""
    hashed = [name for route in plan_routes(config).values() for name in route.by]
    needed = {*roots, *(column_root(schema, name) for name in (*_types(config, schema), *hashed))}
    return tuple(name for name in schema.names if name in needed)


def _types(config: ReplayConfig, schema: pa.Schema) -> dict[str, pa.DataType]:
    """Logged type of every column that a role names."""
    traffic = config.traffic
    named: Iterable[str | None] = (
        *traffic.key,
        traffic.time.column if traffic.time is not None else None,
        *(traffic.score, traffic.label, traffic.weight, traffic.group, traffic.entity, traffic.served_by),
        *traffic.segments,
    )
    return {name: column_type(schema, name) for name in named if name is not None}


def _sample(spark: SparkSession, traffic: PinnedTraffic, plan: SplitPlan, config: ReplayConfig) -> pa.RecordBatch:
    """A few logged rows, from wherever they are cheapest to get.

    Raises:
        TrafficError: There are no rows at all.
    """
    for split in plan.splits:
        for batch in read_split(split, plan, batch_rows=PREFLIGHT_ROWS):
            if batch.num_rows:
                return batch
    if plan.reader == "spark":
        table = scan_dataframe(spark, traffic, plan.columns).limit(PREFLIGHT_ROWS).toArrow()
        for batch in table.combine_chunks().to_batches():
            return batch
    check_traffic(spark, traffic, config.traffic)  # says what the table covers and why nothing of it is selected
    raise TrafficError(traffic.no_rows_message())


def _raise(problems: Iterable[Problem]) -> None:
    found = list(problems)
    if found:
        raise ConfigError(found)


@contextlib.contextmanager
def located(config: ReplayConfig) -> Iterator[None]:
    """Give problems that rooms below found their lines in the file."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError([config.locate(problem) for problem in error.problems], config.source) from error


def with_version(config: ReplayConfig, version: int | None) -> ReplayConfig:
    """The same config with the traffic's Delta version pinned."""
    if version is None:
        return config
    pinned = config.traffic.model_copy(update={"delta_version": version, "delta_timestamp": None})
    return config.model_copy(update={"traffic": pinned})
