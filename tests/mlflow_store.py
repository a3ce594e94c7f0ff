"""A store of mlflow's in SQLite, its artifacts in a folder beside it or on a store of objects."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class MlflowStore:
    """The store.

    Attributes:
        client: mlflow's own.
        uri: Of the store.
    """

    client: Any
    uri: str

    def new_run(self, artifacts: str) -> str:
        """A run in an experiment of its own, whose artifacts lie under a path or URL; gives its id."""
        name = f"experiment-{len(self.client.search_experiments())}"
        experiment = self.client.create_experiment(name, artifact_location=artifacts)
        return str(self.client.create_run(experiment).info.run_id)

    def new_version(self, name: str, run: str, path: str) -> str:
        """Register an artifact of a run as the next version of a model; gives the version."""
        if not self.client.search_registered_models(f"name = '{name}'"):
            self.client.create_registered_model(name)
        source = f"{self.client.get_run(run).info.artifact_uri}/{path}"
        return str(self.client.create_model_version(name, source, run_id=run).version)


def mlflow_store(directory: Path, patch: pytest.MonkeyPatch) -> MlflowStore:
    """Make a store, which this process's environment names until the patch is undone."""
    uri = f"sqlite:///{directory}/mlflow.db"
    for name, value in {"MLFLOW_TRACKING_URI": uri, "MLFLOW_DISABLE_TELEMETRY": "true"}.items():
        patch.setenv(name, value)
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    tracking = pytest.importorskip("mlflow.tracking", reason="mlflow is not installed")
    return MlflowStore(tracking.MlflowClient(), uri)
