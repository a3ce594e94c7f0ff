"""An audit beside what its output holds: gone on with, replaced, or told apart from another run."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from replay.checkpoints import Checkpoint
from replay.config import ReplayConfig, fingerprint, to_resolved_dict
from replay.config.plain import mapping
from replay.errors import OutputConflict
from replay.files.reading import exists
from replay.flows.early import look_at_output
from replay.flows.finished.window import moved_sources, take_up, with_planned
from replay.flows.stages.identity import Resumable
from replay.store import COMPLETE, FEATURES, Manifest, OutputDirectory, needs_spark, open_storage

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class EarlierAudit:
    """The audit of this config that an output holds, if it does.

    What an audit replays is known when the tables are compared. Until then it is what the earlier one replayed: where
    all else is the same, it is an audit of the same config.

    Args:
        config: As resolved.
        audits: Names of those that are asked for.
        overwrite: Whatever the output holds is to be replaced.
    """

    def __init__(self, config: ReplayConfig, audits: Collection[str], *, overwrite: bool) -> None:
        self._config = config
        self._audits = audits
        self._overwrite = overwrite
        self._found: Manifest | None = None

    def look(self) -> None:
        """Refuse what the output holds before Spark starts, where this process reaches it.

        Raises:
            OutputConflict: It holds a run of another config or of other windows, one of this config without its
                audits, or files of somebody else; or it is being written, or cannot be.
        """
        if needs_spark(self._config.output):
            return
        storage = open_storage(self._config.output)
        directory = OutputDirectory(storage)
        held = self._as_held(directory)
        if not self._overwrite:
            self._refuse_plain_run(storage.path, directory.manifest())
            held = take_up(held, directory, overwrite=False)
        self._refuse_moved(storage.path, held, look_at_output(held, overwrite=self._overwrite))

    def pin(self, spark: SparkSession, checkpoints: dict[str, Checkpoint]) -> ReplayConfig:
        """The config over the windows and the versions of an audit that was not finished; else as it is.

        Args:
            spark: The session.
            checkpoints: Examined, by name.

        Raises:
            OutputConflict: As :meth:`look`.
        """
        directory = OutputDirectory(open_storage(self._config.output, spark))
        resumable = Resumable(self._as_held(directory), overwrite=self._overwrite)
        pinned = resumable.pin(spark, checkpoints)
        self._found = resumable.previous
        self._refuse_moved(directory.path, pinned, self._found)
        return pinned

    def differs(self, costing: ReplayConfig) -> bool:
        """Whether the earlier audit found other differences, though the same was asked of the same config.

        Args:
            costing: The config with the scenarios that cost what was found now.
        """
        if self._found is None:
            return False
        held = with_planned(self._config, self._found)
        same = mapping(self._found.config.get("audits")) == to_resolved_dict(self._config)["audits"]
        planned = held.scenarios.keys() - self._config.scenarios.keys()
        asked = all(name.startswith(tuple(f"{audit}." for audit in self._audits)) for name in planned)
        return same and asked and _scored(held) != _scored(costing)

    @property
    def is_complete(self) -> bool:
        """Whether it came to its end."""
        return self._found is not None and self._found.status == COMPLETE

    def _as_held(self, directory: OutputDirectory) -> ReplayConfig:
        manifest = None if self._overwrite else directory.manifest()
        return self._config if manifest is None else with_planned(self._config, manifest)

    def _refuse_plain_run(self, path: str, manifest: Manifest | None) -> None:
        if manifest is None or manifest.config_sha256 != fingerprint(self._config) or exists(f"{path}/{FEATURES}"):
            return
        output = self._config.output.rstrip("/")
        raise OutputConflict(
            f"{path} holds run {manifest.run_id} of this config, and an audit is a run of its own: give it another "
            f"output, such as --output {output}-audit, or --overwrite to replace that run"
        )

    def _refuse_moved(self, path: str, config: ReplayConfig, manifest: Manifest | None) -> None:
        """Refuse an output whose other tables have moved on: no scenario has those that are not joined."""
        if manifest is None or manifest.status != COMPLETE:
            return
        names = [self._config.audits[name].against for name in self._audits]
        said = moved_sources(config, manifest, path, names)
        if said is not None:
            raise OutputConflict(said)


def _scored(config: ReplayConfig) -> tuple[Any, ...]:
    """The scenarios, and the checkpoints that they are scored with."""
    return to_resolved_dict(config)["scenarios"], set(config.scenario_checkpoints or (config.baseline,))
