"""Checkpoints that mlflow knows by a name: what it stood for when a run began, it stands for to its end."""

from __future__ import annotations

from typing import Any

from replay.config import ReplayConfig
from replay.files.model_registry import is_registered, mean
from replay.store import RUNNING, Manifest


def mean_as_begun(config: ReplayConfig, manifest: Manifest | None) -> None:
    """Take aliases for the versions that an unfinished run has, which is gone on with.

    Args:
        config: The replay.
        manifest: Of the run of this config that the output holds, if it does.
    """
    if manifest is not None and manifest.status == RUNNING:
        named = {name: entry.path for name, entry in config.file_checkpoints.items() if is_registered(entry.path)}
        if named:
            mean({path: _version(manifest, name, path) for name, path in named.items()})


def with_versions(data: dict[str, Any], manifest: Manifest) -> dict[str, Any]:
    """A config as plain data, with the versions of a run in place of aliases."""
    checkpoints = dict(data["checkpoints"])
    for name, entry in checkpoints.items():
        if is_registered(str(entry.get("path", ""))):
            checkpoints[name] = {**entry, "path": _version(manifest, name, entry["path"])}
    return {**data, "checkpoints": checkpoints}


def _version(manifest: Manifest, name: str, given: str) -> str:
    noted = str(manifest.checkpoints.get(name, {}).get("path", given))
    return noted if is_registered(noted) else given
