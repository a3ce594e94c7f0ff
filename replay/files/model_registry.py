"""Where the files lie that mlflow knows by a name: ``models:/name/3``, ``models:/name@alias``, ``runs:/id/path``.

mlflow is asked once for each name, until :func:`forget_names`, and is imported only then: it takes seconds.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from replay.files.places import MLFLOW, local_path, opening_problem, scheme_of
from replay.files.process_directory import process_directory
from replay.files.reading import exists
from replay.files.reasons import without_secrets

_MODEL = re.compile(r"models:/+([^/@]+)(?:@([^/@]+)|/(\d+))((?:/[^/]+)*)")
_RUN = re.compile(r"runs:/+([^/]+)/(.+)")
_MOST = 300

_known: dict[str, RegisteredFiles] = {}
_meant: dict[str, str] = {}


class RegistryError(Exception):
    """What a name stands for cannot be told, or mlflow is not there; its text is one line without a secret."""


@dataclass(frozen=True)
class RegisteredFiles:
    """What a name stands for.

    Attributes:
        name: The same as it will stay: an alias is the version that it has now.
        location: File or folder: a local path, or a URL that Arrow opens.
    """

    name: str
    location: str


def is_registered(path: str) -> bool:
    """Whether a path is a name that mlflow knows."""
    return scheme_of(path) in MLFLOW


def find_registered(path: str) -> RegisteredFiles:
    """Ask mlflow what a name stands for; where Arrow cannot open that, mlflow downloads it.

    Raises:
        RegistryError: It cannot be told.
    """
    if path not in _known:
        client = _client(path)
        try:
            _known[path] = _find(client, _meant.get(path, path))
        except RegistryError:
            raise
        except Exception as error:  # of mlflow, its store and their clients
            raise RegistryError(f"{path}: mlflow says: {_line(error)}") from error
    return _known[path]


def forget_names() -> None:
    """Ask mlflow anew from now on: an alias may have moved."""
    _known.clear()
    _meant.clear()


def mean(names: Mapping[str, str]) -> None:
    """Take names for what they stood for when a run began, which goes on now.

    Args:
        names: ``models:/name/3`` by ``models:/name@alias``.
    """
    _known.clear()
    _meant.update(names)


def _client(path: str) -> Any:
    try:
        tracking = import_module("mlflow.tracking")
        uri = str(tracking.get_tracking_uri())
        database = uri.removeprefix("sqlite:///")
        if database == uri or Path(database).exists():  # mlflow makes one that is not there, wherever it is called
            return tracking.MlflowClient()
    except ImportError as error:
        raise RegistryError(f"{path}: mlflow is not installed: pip install replay-engine[mlflow]") from error
    except Exception as error:
        raise RegistryError(f"{path}: mlflow says: {_line(error)}") from error
    raise RegistryError(f"{path}: mlflow has no store here ({uri}): say by MLFLOW_TRACKING_URI where it is")


def _find(client: Any, path: str) -> RegisteredFiles:
    model, run = _MODEL.fullmatch(path), _RUN.fullmatch(path)
    if model is not None:
        name, alias, version, inside = model.groups()
        version = version or str(client.get_model_version_by_alias(name, alias).version)
        fixed, root = f"models:/{name}/{version}{inside}", client.get_model_version_download_uri(name, version)
    elif run is not None:
        identity, inside = run[1], f"/{run[2]}"
        fixed, root = path, client.get_run(identity).info.artifact_uri
    else:
        raise RegistryError(f"{path}: expected models:/name/3, models:/name@alias or runs:/id/path")
    location = f"{root.rstrip('/')}{inside}"
    return RegisteredFiles(fixed, local_path(location) or location if _opens(location) else _downloaded(fixed))


def _opens(location: str) -> bool:
    """Whether Arrow finds something there; mlflow keeps models that a run logged somewhere else than in the run."""
    try:
        return opening_problem(location) is None and exists(location)
    except OSError:
        return False


def _downloaded(name: str) -> str:
    """A directory of this process's own with what mlflow downloads."""
    directory = tempfile.mkdtemp(dir=process_directory())
    return str(import_module("mlflow.artifacts").download_artifacts(artifact_uri=name, dst_path=directory)).rstrip("/")


def _line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return without_secrets(lines[0] if lines else type(error).__name__)[:_MOST]
