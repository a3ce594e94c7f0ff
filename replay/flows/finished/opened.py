"""A finished run, as its output holds it: what it said, what it was made of, and its config as resolved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from replay.config import ReplayConfig, build_config
from replay.errors import UsageError
from replay.flows.finished.registered import with_versions
from replay.flows.render_again import read_report_data
from replay.report.summary.data import ReportData
from replay.store import Manifest, OutputDirectory


@dataclass(frozen=True)
class FinishedRun:
    """What a finished run left.

    Attributes:
        directory: Its output.
        manifest: What it was made of.
        data: What its report shows.
    """

    directory: OutputDirectory
    manifest: Manifest
    data: ReportData

    def config(self, overrides: Sequence[str] = ()) -> ReplayConfig:
        """The config that it replayed, with the versions pinned of the traffic, and of models that an alias named.

        Args:
            overrides: ``key=value`` expressions over it, as ``--set``.

        Raises:
            ConfigError: This version cannot read it, or an override is wrong.
        """
        data, version = with_versions(self.manifest.config, self.manifest), self.manifest.traffic.get("delta_version")
        if version is not None:
            data = {**data, "traffic": {**data["traffic"], "delta_version": version, "delta_timestamp": None}}
        return build_config(data, overrides=overrides, source=f"{self.directory.path}/manifest.json")


def open_finished(output: str) -> FinishedRun:
    """Read what a finished run left, without Spark where it is local.

    Args:
        output: The run's output directory.

    Raises:
        UsageError: The directory holds no finished run, or damaged data of one.
        OutputConflict: Its manifest is not one that this version can read.
    """
    data, storage = read_report_data(output)
    directory = OutputDirectory(storage)
    manifest = directory.manifest()
    if manifest is None:
        raise UsageError(f"{output}: found no manifest.json, expected the output of a finished run")
    return FinishedRun(directory, manifest, data)
