"""Which run this is, and whether an earlier one in the output is gone on with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from replay.checkpoints import FORMATS, Checkpoint
from replay.config import (
    EngineConfig,
    ReplayConfig,
    SourceConfig,
    TableConfig,
    fingerprint,
    to_resolved_dict,
)
from replay.config.fingerprint import scenario_sources
from replay.errors import TrafficError
from replay.flows.finished.window import previous_run, take_up
from replay.flows.options import Options
from replay.flows.stages.prepare import Prepared
from replay.report.summary.json_safe import iso
from replay.store import COMPLETE, RUNNING, Manifest, OutputDirectory, make_run_id, open_storage
from replay.store.manifest import package_versions

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_Table = TypeVar("_Table", bound=TableConfig)


class Resumable:
    """Decides whether an earlier run in the output is gone on with.

    Args:
        config: The replay.
        overwrite: Nothing is: the run starts afresh, whatever the output holds.

    Attributes:
        config_sha256: The config's fingerprint, over the window of the run that is gone on with.
    """

    def __init__(self, config: ReplayConfig, *, overwrite: bool) -> None:
        self.config_sha256 = fingerprint(config)
        self._config = config
        self._overwrite = overwrite
        self._previous: Manifest | None = None

    def pin(self, spark: SparkSession, checkpoints: dict[str, Checkpoint]) -> ReplayConfig:
        """Look into the output; an unfinished run of the same config and checkpoints keeps its pinned version.

        Where the user's code changed meanwhile, the version is kept too, but none of the scores: see `continues`.
        """
        directory = OutputDirectory(open_storage(self._config.output, spark))
        self._config = take_up(self._config, directory, overwrite=self._overwrite)
        self.config_sha256 = fingerprint(self._config)
        previous = previous_run(self._config, directory, overwrite=self._overwrite)
        self._previous = previous
        if previous is None or previous.status == COMPLETE:
            return self._config
        same = {name: entry.get("sha256") for name, entry in previous.checkpoints.items()} == {
            name: checkpoint.sha256 for name, checkpoint in checkpoints.items()
        }
        return _with_versions(self._config, previous) if same else self._config

    @property
    def previous(self) -> Manifest | None:
        """The run of this config that the output holds, finished or not; None where there is none to go on from."""
        return self._previous

    def continues(self, run_id: str) -> bool:
        """Whether the run that the output holds is this one."""
        return self._previous is not None and self._previous.run_id == run_id

    def says(self, prepared: Prepared, run_id: str) -> str | None:
        """What becomes of the earlier run of this config in the output, in words; None where there is none."""
        before = self._previous
        if before is None:
            return None
        started = f"{before.started[:16].replace('T', ' ')} UTC"
        if self.continues(run_id):
            done = "is complete" if before.status == COMPLETE else "was not finished"
            return f"the run of {started} in the output {done}: the scores that it committed are kept"
        reasons = "; ".join(changes(prepared, before)) or "packages, or settings of `engine`, are others"
        return f"the run of {started} in the output is replaced, as it is no longer what this config gives: {reasons}"


def make_manifest(prepared: Prepared, options: Options, config_sha256: str, started: str) -> Manifest:
    """Write down what a run is made of; its id covers everything that a score depends on."""
    checkpoints = prepared.checkpoints
    hashes = {name: checkpoint.sha256 for name, checkpoint in checkpoints.items()}
    needed = {name for checkpoint in checkpoints.values() for name in FORMATS[checkpoint.format].packages}
    packages = package_versions(*sorted(needed))
    sources, engine = prepared.job.sources, _engine(prepared.config.engine, prepared.plan.reader)
    others = [sources, packages, engine]
    if prepared.sources:
        others.append({name: source.fingerprint() for name, source in prepared.sources.items()})
    compared = prepared.sources.keys() - set(scenario_sources(prepared.config))
    if compared:  # of which the config's fingerprint says nothing
        others.append({name: _selection(prepared.sources[name].config) for name in compared})
    return Manifest(
        run_id=make_run_id(config_sha256, prepared.traffic.fingerprint(), hashes, others),
        status=RUNNING,
        config_sha256=config_sha256,
        # Paths of a config that was made in Python start from where it runs.
        config={**to_resolved_dict(prepared.config), "base_dir": prepared.config.base_dir or os.getcwd()},  # noqa: PTH109
        checkpoints={
            name: {
                "path": checkpoint.place,
                "format": str(checkpoint.format),
                "sha256": checkpoint.sha256,
                "files": {file.path: file.sha256 for file in checkpoint.placed_files()},
            }
            for name, checkpoint in checkpoints.items()
        },
        traffic=prepared.traffic.describe(),
        other_tables={name: source.describe() for name, source in prepared.sources.items()},
        started=started,
        packages=packages,
        sources=sources,
        engine=engine,
        window=_window(prepared.config),
        allowed={"pickle": options.allow_pickle, "non_finite": options.allow_non_finite},
    )


def _selection(source: SourceConfig) -> dict[str, Any]:
    """What an entry under ``sources`` says beside where the table is, and which version of it is read."""
    said = source.model_dump(mode="json", exclude=set(TableConfig.model_fields))
    return {**said, "columns": list(source.columns.items())}  # whose order has a meaning


def _window(config: ReplayConfig) -> dict[str, str]:
    """How rolling windows were resolved."""
    at, rules = config.run_start.at, config.run_start.rules
    return {**rules, "resolved": iso(at)} if rules and at is not None else {}


def _with_versions(config: ReplayConfig, previous: Manifest) -> ReplayConfig:
    """The same config with the Delta versions pinned that an earlier run read."""
    sources = {name: _pinned(each, previous.other_tables.get(name, {})) for name, each in config.sources.items()}
    return config.model_copy(update={"traffic": _pinned(config.traffic, previous.traffic), "sources": sources})


def _pinned(table: _Table, before: Mapping[str, Any]) -> _Table:
    version = before.get("delta_version")
    if version is None or table.delta_timestamp is not None:
        return table
    return table.model_copy(update={"delta_version": version, "delta_timestamp": None})


def _engine(config: EngineConfig, reader: str) -> dict[str, Any]:
    """Settings as they work here: a device and the rows of a chunk change last bits, the others cut the work."""
    device = config.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    chunk = config.chunk_rows if device == "cpu" else config.chunk_rows_cuda
    return {"reader": reader, "device": device, "chunk_rows": chunk, "commit_rows": config.commit_rows}


def changes(prepared: Prepared, before: Manifest) -> tuple[str, ...]:
    """What is not as it was when a run was made: the same rows and models would give other scores.

    Args:
        prepared: What is about to be replayed: rows, checkpoints and code of the earlier run, or a part of them.
        before: Of the earlier run.
    """
    found = []
    if prepared.traffic.fingerprint() != before.traffic.get("fingerprint"):
        found.append(f"the traffic at {prepared.traffic.location} is another: its files changed")
    for name, checkpoint in prepared.checkpoints.items():
        sha256 = before.checkpoints.get(name, {}).get("sha256")
        if sha256 not in (None, checkpoint.sha256):
            found.append(f"checkpoint {name} has sha256 {checkpoint.sha256[:12]}, it had {sha256[:12]}")
    for name, source in prepared.sources.items():
        if name not in before.other_tables:
            found.append(f"it took nothing of source {name}")
        elif source.fingerprint() != before.other_tables[name].get("fingerprint"):
            found.append(f"source {name} at {source.table.location} is another: its files changed")
    for user, sources in prepared.job.sources.items():
        known = before.sources.get(user)
        if known is not None and known != sources:
            names = [name for name in {**known, **sources} if known.get(name) != sources.get(name)]
            found.append(f"{user} changed: {', '.join(names)}")
    return tuple(found)


def refuse_changes(prepared: Prepared, before: Manifest) -> None:
    """Refuse to go on where anything that a run was made of is another now.

    Raises:
        TrafficError: With all that changed.
    """
    found = changes(prepared, before)
    if found:
        raise TrafficError(
            f"run {before.run_id} cannot be replayed as it was: {'; '.join(found)}. Put back what it was made of, or "
            "diagnose again"
        )
