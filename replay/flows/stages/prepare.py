"""What every command needs first: a session, examined checkpoints, pinned traffic that fits, and the scoring job."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from replay.checkpoints import Checkpoint
from replay.config import ReplayConfig
from replay.config.locations import absolute
from replay.config.run_start import resolve
from replay.features import feature_column
from replay.flows.contract.stamps import check_stamps
from replay.flows.options import Options
from replay.flows.problems import located, refuse
from replay.flows.sources.opening import MatchedTables
from replay.flows.stages.connect import connect
from replay.flows.stages.fit import Fitted, fit
from replay.flows.stages.rehearse import check_rows, draw_rehearsed
from replay.flows.stages.scenario_inputs import ScenarioInputs
from replay.rehearsal import ContractCheck, RehearsedRows
from replay.rehearsal.inputs import all_null
from replay.report.terminal.progress import Progress
from replay.scenarios import LeastChanges
from replay.scoring import Preflight, Work, carried_columns, plan_variants, run_preflight
from replay.scoring.job import ScoreJob
from replay.scoring.routes import plan_routes, route_types
from replay.scoring.sources import find_sources
from replay.scoring.table.key_check import check_selected
from replay.spark.errors import spark_errors
from replay.spark.guest import session_pool
from replay.traffic import PinnedSource, PinnedTraffic, SourceMatches, SplitPlan, TrafficCheck, always_null
from replay.traffic.copies import without_copies
from replay.traffic.keys import key_columns

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@dataclass(frozen=True)
class Prepared:
    """All that scoring needs, checked.

    Attributes:
        config: As loaded.
        options: From the command line.
        spark: The private session that the work is done in.
        checkpoints: Examined, by name.
        traffic: The pinned table.
        plan: How tasks get their rows.
        side: What Spark computes beside the logged columns.
        job: What tasks do.
        features: Every feature that the model reads, in schema order.
        preflight: What scoring a few rows showed.
        check: Rows, keys and times of the selected traffic; None where they were not read.
        rehearsed: A few thousand rows, where the traffic was checked and tasks read it themselves.
        contract: What the model's contract made of them.
        all_null: Features that are null in every row; looked for where the traffic was checked.
        sources: Other tables that were opened, by name.
        matches: How those with a key and the traffic meet.
        stamps: What is wrong with the contracts that checkpoints were stamped with.
    """

    config: ReplayConfig
    options: Options
    spark: SparkSession
    checkpoints: dict[str, Checkpoint]
    traffic: PinnedTraffic
    plan: SplitPlan
    side: ScenarioInputs
    job: ScoreJob
    features: tuple[str, ...]
    preflight: Preflight
    check: TrafficCheck | None = None
    rehearsed: RehearsedRows | None = None
    contract: ContractCheck | None = None
    all_null: tuple[str, ...] = ()
    sources: Mapping[str, PinnedSource] = field(default_factory=dict)
    matches: Mapping[str, SourceMatches] = field(default_factory=dict)
    stamps: tuple[str, ...] = ()

    @property
    def output(self) -> str:
        """Where the run writes: what a command names that is pasted in another directory."""
        return absolute(self.config.output, self.config.base_dir or os.getcwd())  # noqa: PTH109, text stays text

    def scan(self) -> DataFrame:
        """The rows as Spark reads them, without the copies that the config leaves out."""
        rows = self.side.scan(self.spark, self.traffic, self.plan.columns)
        if self.config.traffic.duplicates == "refuse":
            return rows
        key = key_columns(rows, self.config.traffic.key)
        return without_copies(rows, key, self.traffic.num_rows)


def prepare(
    config: ReplayConfig,
    options: Options,
    visit: contextlib.ExitStack,
    *,
    progress: Progress | None = None,
    pin: Callable[[SparkSession, dict[str, Checkpoint]], ReplayConfig] | None = None,
    check_keys: bool = False,
    rehearsing: bool = False,
    every_source: bool = False,
    least_changes: LeastChanges | None = None,
    matched: MatchedTables | None = None,
) -> Prepared:
    """Get everything ready and prove that it fits, before any long work.

    Args:
        config: As loaded.
        options: From the command line.
        visit: Ends the work in the session, and leaves Spark as it was found.
        progress: Shows the work; default: nothing is shown.
        pin: Given the session and the examined checkpoints, returns the config with the traffic's version pinned where
            an unfinished run is to be resumed.
        check_keys: Read the whole traffic's keys and times too, beside the opening of the checkpoints.
        rehearsing: Take a few thousand rows through the contract, where tasks read them themselves.
        every_source: Open and check all other tables, and not only those that scenarios name.
        least_changes: What gives features the distributions of other tables; default: they are taken from these.
        matched: How other tables and the traffic were found to meet; default: their keys are read.

    Raises:
        ConfigError: The config does not fit the traffic or the checkpoints; every problem at once.
        TrafficError: The traffic cannot be read.
        CheckpointError: A checkpoint is refused.
    """
    config, progress = resolve(config), progress or Progress(None)
    progress.stage("starting Spark")
    spark, checkpoints = connect(config, options, visit, warm=pin is not None)
    with located(config):
        stamps = check_stamps(config, {name: one.sha256 for name, one in checkpoints.items()}, options)
    if pin is not None:
        config = pin(spark, checkpoints)
    progress.stage("reading the traffic")
    with spark_errors("reading the traffic"), located(config):
        fitted = fit(
            config,
            spark,
            checkpoints,
            visit,
            every_source=every_source,
            least_changes=least_changes,
            matched=matched,
        )
    progress.stage("checking keys and checkpoints")
    with session_pool(spark, 1) as pool, spark_errors("checking the traffic"), located(config):
        # Spark reads keys while this process opens the checkpoints, whose problems are raised first.
        checking = (
            pool.submit(check_selected, spark, fitted.traffic, config.traffic, fitted.plan.columns)
            if check_keys
            else None
        )
        preflight = run_preflight(
            fitted.config.model,
            checkpoints,
            fitted.sample,
            fitted.config.engine.max_bad_rows,
            encoded=fitted.config.encoded_model,
        )
        refuse(preflight.problems)
        rehearsed = contract = None
        nulls: tuple[str, ...] = ()
        if rehearsing:
            rehearsed = draw_rehearsed(fitted.config, checkpoints, fitted.plan, spark, fitted.traffic, None)
            contract = None if rehearsed is None else check_rows(rehearsed, checkpoints)
            nulls = always_null(spark, fitted.traffic, _null_so_far(fitted, contract))
        check = None if checking is None else checking.result()
    return Prepared(
        fitted.config,
        options,
        spark,
        checkpoints,
        fitted.traffic,
        fitted.plan,
        fitted.inputs,
        _score_job(fitted, checkpoints, preflight),
        fitted.features,
        preflight,
        check,
        rehearsed,
        contract,
        nulls,
        fitted.sources,
        fitted.matches,
        stamps,
    )


def _null_so_far(fitted: Fitted, contract: ContractCheck | None) -> tuple[str, ...]:
    """Features that are null in every row of the largest sample there is."""
    if contract is not None:
        return contract.all_null
    return all_null({name: feature_column(fitted.sample, name) for name in fitted.features})


def _score_job(fitted: Fitted, checkpoints: dict[str, Checkpoint], preflight: Preflight) -> ScoreJob:
    """What tasks are sent."""
    config = fitted.config
    time, routes, variants = config.traffic.time, plan_routes(config), plan_variants(config)
    types = {**preflight.score_types, **route_types(routes, preflight.score_types)}
    work = Work(
        model=config.encoded_model,
        contract=config.model,
        variants=variants,
        score_types={variant.name: types[variant.checkpoint] for variant in variants},
        carried=carried_columns(config.traffic, fitted.role_types),
        time=None if time is None else time.column,
        time_unit=None if time is None else time.unit,
        key=config.traffic.key,
        seed=config.seed,
        routes=routes,
        scenarios=fitted.scenarios,
        donors=fitted.donors,
        least_changes=fitted.least_changes,
        whole=preflight.dependent,
        base_dir=config.base_dir,
    )
    return ScoreJob(work, checkpoints, config.engine, find_sources(work, checkpoints))
