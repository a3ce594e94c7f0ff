"""A finished run, as its output holds it: what it said, what it was made of, and its config as resolved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
        data = with_versions(self.manifest.config, self.manifest)
        data = {**data, "traffic": _pinned(data["traffic"], self.manifest.traffic)}
        if self.manifest.other_tables:
            others = self.manifest.other_tables
            data["sources"] = {name: _pinned(each, others.get(name, {})) for name, each in data["sources"].items()}
        return build_config(data, overrides=overrides, source=f"{self.directory.path}/manifest.json")


def _pinned(table: dict[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """A table of the config at the version that the run read."""
    version = before.get("delta_version")
    return table if version is None else {**table, "delta_version": version, "delta_timestamp": None}


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
