"""``manifest.json``: what a run is made of, written before it starts and completed at its end."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from typing import Any

from replay.errors import OutputConflict
from replay.version import __version__

PACKAGES = ("pyspark", "delta-spark", "torch", "numpy", "pyarrow")

RUNNING = "running"
COMPLETE = "complete"


@dataclass(frozen=True)
class Manifest:
    """What a run is made of.

    Attributes:
        run_id: Stands for config, checkpoints and pinned traffic: equal ids mean equal results.
        status: ``running`` or ``complete``.
        config_sha256: Fingerprint of the config, as far as it decides results.
        config: The config as resolved.
        checkpoints: Path, format and sha256 by name, and path and sha256 of the files that each consists of.
        traffic: The pinned table: format, place, version, fingerprint.
        rows: Rows in and out, filled at the end.
        packages: Versions of the packages that results depend on, and Python's.
        sources: What else scores depend on, by who uses it: of vocabularies and of the user's code, sha256 by name;
            of the published packages that this code imports, versions.
        engine: Settings that may change a score's last bits, and how the work is cut into commits.
        allowed: What the command line allowed of checkpoints: ``pickle``, ``non_finite``.
        window: Of a rolling window how it was resolved: ``last``, ``ending`` and ``delay`` as the config gives them,
            and when it was ``resolved``; its ends stand in the config.
        other_tables: The pinned tables that scenarios take values from, by name: as ``traffic``.
        tables: Version of each table of the output as the run left it; empty while it runs, and for one elsewhere.
        started: ISO 8601, UTC.
        finished: The same, or None while it runs.
        version: Of this file's layout.
    """

    run_id: str
    status: str
    config_sha256: str
    config: dict[str, Any]
    checkpoints: dict[str, dict[str, Any]]
    traffic: dict[str, Any]
    started: str
    finished: str | None = None
    rows: dict[str, Any] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=lambda: package_versions())
    sources: dict[str, dict[str, str]] = field(default_factory=dict)
    engine: dict[str, Any] = field(default_factory=dict)
    allowed: dict[str, bool] = field(default_factory=dict)
    window: dict[str, str] = field(default_factory=dict)
    other_tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    tables: dict[str, int] = field(default_factory=dict)
    version: int = 1

    @property
    def window_rule(self) -> dict[str, str]:
        """How the config gives a rolling window; empty for a run of any other."""
        return {key: value for key, value in self.window.items() if key != "resolved"}

    def to_json(self) -> str:
        """Render as the file's text."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str) -> Manifest:
        """Read the file's text.

        Raises:
            OutputConflict: It is not a manifest that this version can read.
        """
        try:
            manifest = cls(**json.loads(text))
            _require_types(manifest)
            return manifest
        except (ValueError, TypeError) as error:
            raise OutputConflict(
                f"{where}/manifest.json is not a manifest that replay {__version__} can read ({error}): give another "
                "output, or --overwrite to replace what is there"
            ) from error


_TYPES: dict[str, type] = {
    **dict.fromkeys(("run_id", "status", "config_sha256", "started"), str),
    **dict.fromkeys(("config", "checkpoints", "traffic", "rows", "packages", "sources"), dict),
    **dict.fromkeys(("engine", "allowed", "window", "other_tables", "tables"), dict),
}


def _require_types(manifest: Manifest) -> None:
    for name, expected in _TYPES.items():
        found = getattr(manifest, name)
        if not isinstance(found, expected):
            raise TypeError(f"`{name}` is of type {type(found).__name__}, expected {expected.__name__}")


def package_versions(*others: str) -> dict[str, str]:
    """Versions of Python, of this package, of those that results depend on, and of others."""
    versions = {name: _version(name) for name in (*PACKAGES, *others)}
    return {"python": "{}.{}".format(*sys.version_info), "replay-engine": __version__, **versions}


def _version(package: str) -> str:
    """What is installed. A cluster's own Spark is on the path without being installed as a package: it says itself."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return str(getattr(sys.modules.get(package), "__version__", "unknown"))


def make_run_id(
    config_sha256: str, traffic_fingerprint: str, checkpoints: Mapping[str, str], others: Sequence[Any] = ()
) -> str:
    """Name a run by what decides its results, and how its work is cut: runs of one id can go on from each other.

    Args:
        config_sha256: Fingerprint of the config.
        traffic_fingerprint: Fingerprint of the pinned table.
        checkpoints: sha256 by name.
        others: Whatever else counts: the user's code, versions of packages, the plan of commits.

    >>> make_run_id("c", "t", {"prod": "p"}) == make_run_id("c", "t", {"prod": "p"})
    True
    >>> make_run_id("c", "t", {"prod": "p"}) == make_run_id("c", "t", {"prod": "q"})
    False
    """
    parts = json.dumps([config_sha256, traffic_fingerprint, dict(checkpoints), *others], sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()[:16]
