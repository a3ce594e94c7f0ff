"""What every flow needs first: a session, the examined checkpoints, the pinned traffic, and proof that they fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from replay.checkpoints import Checkpoint, check_inputs, examine
from replay.config import ReplayConfig
from replay.errors import CheckpointError, ConfigError, Problem, TrafficError
from replay.features import Encoder, check_features
from replay.scoring import PREFLIGHT_ROWS, Preflight, carried_columns, plan_variants, run_preflight
from replay.scoring.failures import spark_errors
from replay.scoring.job import ScoreJob
from replay.scoring.preflight import as_problem
from replay.session import start_session
from replay.traffic import (
    PinnedTraffic,
    SplitPlan,
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
    from pyspark.sql import SparkSession

SPLIT_ROWS = 250_000
"""Rows of a split, about, where the table is large."""


@dataclass(frozen=True)
class Options:
    """What the command line decides beside the config.

    Attributes:
        master: Spark master for a session that is started here.
        conf: Spark settings for it.
        allow_pickle: Checkpoints may be pickled modules.
        allow_non_finite: Checkpoints may hold NaN or Inf.
    """

    master: str | None = None
    conf: Mapping[str, str] = field(default_factory=dict)
    allow_pickle: bool = False
    allow_non_finite: bool = False


@dataclass(frozen=True)
class Prepared:
    """All that scoring needs, checked.

    Attributes:
        config: As loaded.
        spark: The session.
        checkpoints: Examined, by name.
        traffic: The pinned table.
        plan: How tasks get their rows.
        job: What tasks do.
        features: Every feature that the model reads, in schema order.
        preflight: What scoring a few rows told.
    """

    config: ReplayConfig
    spark: SparkSession
    checkpoints: dict[str, Checkpoint]
    traffic: PinnedTraffic
    plan: SplitPlan
    job: ScoreJob
    features: tuple[str, ...]
    preflight: Preflight


def examine_all(config: ReplayConfig, options: Options) -> dict[str, Checkpoint]:
    """Examine every checkpoint of a config, without running any of it.

    Raises:
        CheckpointError: One is refused.
        ConfigError: Several are refused: all of them, each with its own message.
    """
    checkpoints: dict[str, Checkpoint] = {}
    refused: list[tuple[str, CheckpointError]] = []
    for name, entry in config.checkpoints.items():
        try:
            checkpoints[name] = examine(
                entry,
                name,
                base_dir=config.base_dir,
                allow_pickle=options.allow_pickle,
                allow_non_finite=options.allow_non_finite,
            )
        except CheckpointError as error:
            refused.append((name, error))
    if len(refused) == 1:
        raise refused[0][1]
    if refused:
        raise ConfigError([as_problem(name, error) for name, error in refused], config.source)
    return checkpoints


def start(config: ReplayConfig, options: Options) -> tuple[SparkSession, dict[str, Checkpoint]]:
    """Start Spark and examine the checkpoints side by side: each takes seconds, and neither needs the other."""
    with ThreadPoolExecutor(1) as pool:
        session = pool.submit(start_session, options.master, options.conf)
        checkpoints = examine_all(config, options)
        return session.result(), checkpoints


def prepare(
    config: ReplayConfig, options: Options, pin: Callable[[dict[str, Checkpoint]], ReplayConfig] | None = None
) -> Prepared:
    """Get everything ready and prove that it fits, before any long work.

    Args:
        config: As loaded.
        options: From the command line.
        pin: Given the examined checkpoints, returns the config with the traffic's version pinned where an
            unfinished run is to be resumed.

    Raises:
        ConfigError: The config does not fit the traffic or the checkpoints; every problem at once.
        TrafficError: The traffic cannot be read.
        CheckpointError: A checkpoint is refused.
    """
    spark, checkpoints = start(config, options)
    if pin is not None:
        config = pin(checkpoints)
    with spark_errors("reading the traffic"), _located(config):
        traffic = open_traffic(spark, config.traffic)
        _raise(fit_problems(config, traffic.schema, checkpoints))
        encoder = Encoder(config.model, traffic.schema)
        columns = needed_columns(config, traffic.schema, encoder.roots)
        # A commit holds whole splits: smaller commits than a split has rows want smaller splits.
        target = config.engine.commit_rows if config.engine.commit_rows < SPLIT_ROWS else None
        plan = plan_splits(spark, traffic, columns, config.engine.reader, target_rows=target)
        sample = _sample(spark, traffic, plan, config)
    preflight = run_preflight(config.model, checkpoints, sample)
    with _located(config):
        _raise(preflight.problems)
    variants = plan_variants(config)
    job = ScoreJob(
        model=config.model,
        checkpoints=checkpoints,
        variants=variants,
        score_types={variant.name: preflight.score_types[variant.checkpoint] for variant in variants},
        carried=carried_columns(config.traffic, _types(config, traffic.schema)),
        time_unit=config.traffic.time.unit if config.traffic.time is not None else None,
        engine=config.engine,
    )
    return Prepared(config, spark, checkpoints, traffic, plan, job, encoder.features, preflight)


def fit_problems(config: ReplayConfig, schema: pa.Schema, checkpoints: Mapping[str, Checkpoint]) -> list[Problem]:
    """Everything in which config, table and checkpoints do not fit together, as far as can be told without running."""
    problems = [*column_problems(schema, config.traffic), *check_features(config.model, schema)]
    for checkpoint in checkpoints.values():
        problems.extend(check_inputs(checkpoint, config.model))
    return problems


def needed_columns(config: ReplayConfig, schema: pa.Schema, roots: Iterable[str]) -> tuple[str, ...]:
    """Top-level columns that scoring reads: the features' roots and the roles', in the order of the schema."""
    needed = {*roots, *(column_root(schema, name) for name in _types(config, schema))}
    return tuple(name for name in schema.names if name in needed)


def _types(config: ReplayConfig, schema: pa.Schema) -> dict[str, pa.DataType]:
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


@contextmanager
def _located(config: ReplayConfig) -> Iterator[None]:
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
