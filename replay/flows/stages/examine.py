"""Every checkpoint of a config, examined without running any of it."""

from __future__ import annotations

from replay.checkpoints import Checkpoint, derive, examine
from replay.config import CheckpointConfig, DerivedConfig, ReplayConfig, RouteConfig, SpliceConfig
from replay.errors import CheckpointError, ConfigError
from replay.flows.options import Options
from replay.scoring.preflight import as_problem


def examine_all(config: ReplayConfig, options: Options) -> dict[str, Checkpoint]:
    """Examine every checkpoint of a config, without running any of it; routes are none.

    Raises:
        CheckpointError: One is refused.
        ConfigError: Several are refused: all of them, each with its own message.
    """
    checkpoints: dict[str, Checkpoint] = {}
    refused: list[tuple[str, CheckpointError]] = []
    for name, entry in _sources_first(config):
        if any(source in dict(refused) for source in _sources(entry)):
            continue  # what it is made of is refused already
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
        raise ConfigError([as_problem(name, error) for name, error in refused], config.source)
    return {name: checkpoints[name] for name in config.all_checkpoints if name in checkpoints}


_Made = CheckpointConfig | DerivedConfig | SpliceConfig


def _sources(entry: _Made) -> tuple[str, ...]:
    """Checkpoints that one is made of."""
    if isinstance(entry, DerivedConfig):
        return (entry.source,)
    return tuple(entry.splice.values()) if isinstance(entry, SpliceConfig) else ()


def _sources_first(config: ReplayConfig) -> list[tuple[str, _Made]]:
    """Every checkpoint but the routes, each after those that it is made of; the config has no cycles."""
    entries = {name: entry for name, entry in config.all_checkpoints.items() if not isinstance(entry, RouteConfig)}
    ordered: dict[str, _Made] = {}

    def add(name: str) -> None:
        if name not in ordered:
            for source in _sources(entries[name]):
                add(source)
            ordered[name] = entries[name]

    for name in entries:
        add(name)
    return list(ordered.items())
