"""Spark and the checkpoints: each takes seconds to get ready, so they do it side by side."""

from __future__ import annotations

import contextlib
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from replay.checkpoints import Checkpoint, cached_scorer, derive, examine
from replay.config import CheckpointConfig, DerivedConfig, ReplayConfig, RouteConfig, ServedRouteConfig, SpliceConfig
from replay.errors import CheckpointError, ConfigError, ReplayError
from replay.flows.options import Options
from replay.scoring.job import warm_up
from replay.scoring.preflight import as_problem
from replay.spark.errors import jvm_errors
from replay.spark.faststart.prestart import is_short
from replay.spark.guest import at_work, private_session
from replay.spark.session import is_running, start_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def connect(
    config: ReplayConfig, options: Options, visit: contextlib.ExitStack, *, warm: bool
) -> tuple[SparkSession, dict[str, Checkpoint]]:
    """Start Spark, and meanwhile examine the checkpoints and open them.

    Args:
        config: As loaded.
        options: From the command line.
        visit: Ends the work in the session, and leaves Spark as it was found.
        warm: Start the workers too, as soon as there is a session, since they will have something to score.

    Returns:
        The private session that the work is done in, and every examined checkpoint by name.

    Raises:
        CheckpointError: A checkpoint is refused.
        ConfigError: Several are refused: all of them, each with its own message.
    """

    def begin() -> SparkSession:
        with jvm_errors():  # it may be killed before there is a session to work in
            host = start_session(options.master, options.conf, short=is_short(config.traffic.path))
            return private_session(host, keep=options.conf)

    with ThreadPoolExecutor(2) as pool:
        # Which session is active is known in this thread alone. To find it takes no time; to start one does.
        session = _done(begin()) if is_running() else pool.submit(begin)
        checkpoints = examine_all(config, options)
        if warm:
            pool.submit(lambda: warm_up(session.result(), checkpoints, config.model, config.engine))
        for checkpoint in checkpoints.values():
            # The preflight names one that does not open, with everything else that is wrong.
            with contextlib.suppress(ReplayError):
                cached_scorer(checkpoint, config.model)
        spark = visit.enter_context(at_work(session.result()))
    return spark, checkpoints


def _done(session: SparkSession) -> Future[SparkSession]:
    future: Future[SparkSession] = Future()
    future.set_result(session)
    return future


def examine_all(config: ReplayConfig, options: Options) -> dict[str, Checkpoint]:
    """Examine every checkpoint of a config without running any of it; a route is not a checkpoint of its own.

    Raises:
        CheckpointError: One is refused.
        ConfigError: Several are refused: all of them, each with its own message.
    """
    checkpoints: dict[str, Checkpoint] = {}
    refused: list[tuple[str, CheckpointError]] = []
    for name, entry in _sources_first(config):
        if any(source not in checkpoints for source in _sources(entry)):
            continue  # a checkpoint that it is made of, near or far, is refused already
        try:
            if isinstance(entry, CheckpointConfig):
                checkpoints[name] = examine(
                    entry,
                    name,
                    base_dir=config.base_dir,
                    allow_pickle=options.allow_pickle,
                    allow_non_finite=options.allow_non_finite,
                )
            else:
                checkpoints[name] = derive(entry, name, checkpoints, config.seed)
        except CheckpointError as error:
            refused.append((name, error))
    if len(refused) == 1:
        raise refused[0][1]
    if refused:
        raise ConfigError([config.locate(as_problem(name, error)) for name, error in refused], config.source)
    return {name: checkpoints[name] for name in config.all_checkpoints if name in checkpoints}


_Weighted = CheckpointConfig | DerivedConfig | SpliceConfig
"""A checkpoint with weights of its own: anything but a route."""


def _sources(entry: _Weighted) -> tuple[str, ...]:
    """Checkpoints that one is made of."""
    if isinstance(entry, DerivedConfig):
        return (entry.source,)
    return tuple(entry.splice.values()) if isinstance(entry, SpliceConfig) else ()


def _sources_first(config: ReplayConfig) -> list[tuple[str, _Weighted]]:
    """Every checkpoint but the routes, each after those that it is made of; the config has no cycles."""
    entries = {
        name: entry
        for name, entry in config.all_checkpoints.items()
        if not isinstance(entry, RouteConfig | ServedRouteConfig)
    }
    ordered: dict[str, _Weighted] = {}

    def add(name: str) -> None:
        if name not in ordered:
            for source in _sources(entries[name]):
                add(source)
            ordered[name] = entries[name]

    for name in entries:
        add(name)
    return list(ordered.items())
