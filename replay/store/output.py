"""The output directory: whose it is, what may be replaced, what is written when."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from replay.errors import OutputConflict
from replay.errors.secrets import redacted
from replay.spark.delta.log import newest_version
from replay.store.manifest import COMPLETE, Manifest
from replay.store.storage import Storage

SCORES, DIFFS, METRICS, HYPOTHESES = "scores", "diffs", "metrics", "hypotheses"
FEATURES, FEATURE_DIFFERENCES = "features", "feature_differences"
MANIFEST, SUMMARY, REPORT_DATA, REPORT = "manifest.json", "summary.json", "report.json", "report.html"
VERDICT = "verdict.json"

_DIGESTS, _SCRATCH, _REFERENCE = ".key-digests", ".scratch", ".reference"

# What a reader could take for a result: gone before a run changes anything, back when it is complete.
_RESULTS = (VERDICT, SUMMARY, REPORT, REPORT_DATA)
# Without a manifest there is nothing to go on with: it goes before the tables, which are not deleted in one step.
_ALL = (*_RESULTS, MANIFEST, SCORES, DIFFS, METRICS, HYPOTHESES, FEATURE_DIFFERENCES)
# The history of audits, to which each one adds: it stays, whatever run the directory holds.
_KEPT = (FEATURES,)

# `verify-1.yaml`, which replays the causes of the first incident, and `verify-1`, the run of it.
_VERIFICATION = re.compile(r"verify-[1-9]\d*(\.yaml)?")


def verify_name(incident: int) -> str:
    """What the run that verifies the causes of an incident is called; with ``.yaml``, its config.

    Args:
        incident: Its number, from 1.
    """
    return f"verify-{incident}"


class OutputDirectory:
    """The directory that one run writes.

    Args:
        storage: The directory.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.path = storage.path

    def table(self, name: str) -> str:
        """Path of one of the tables."""
        return f"{self.path}/{name}"

    def digests(self) -> str:
        """Where tasks of the run leave digests of keys, until these are known to be unique."""
        return f"{self.path}/{_DIGESTS}"

    def drop_digests(self) -> None:
        """Delete the digests of keys, and what else tasks of a killed run left each other."""
        for name in (_DIGESTS, _SCRATCH):
            self._storage.delete(name)

    def scratch(self) -> str:
        """Where tasks of the run leave what others of its tasks read; gone when they have."""
        return f"{self.path}/{_SCRATCH}"

    def reference(self) -> str:
        """Where rows of another table lie while they are replayed."""
        return f"{self.path}/{_REFERENCE}"

    def drop_reference(self) -> None:
        """Delete them, and their scores."""
        self._storage.delete(_REFERENCE)

    def discard(self) -> None:
        """Delete what the run has written: no result can come of it."""
        for name in (*_ALL, _DIGESTS, _SCRATCH, _REFERENCE):
            self._storage.delete(name)

    def manifest(self) -> Manifest | None:
        """What the directory's run is made of; None where no run has started.

        Raises:
            OutputConflict: It is not a manifest that this version can read.
        """
        text = self._storage.read(MANIFEST)
        return None if text is None else Manifest.from_json(text, self.path)

    def verify_config(self, incident: int) -> str | None:
        """The YAML that replays the causes of an incident; None where there is none."""
        return self._storage.read(f"{verify_name(incident)}.yaml")

    def previous(self, config_sha256: str, *, overwrite: bool) -> Manifest | None:
        """Look at what the directory holds.

        Args:
            config_sha256: Fingerprint of the config.
            overwrite: Whatever run it holds is to be replaced, also one of the same config.

        Returns:
            The manifest of an earlier run of the same config (finished or not), or None where there is nothing to go
            on from.

        Raises:
            OutputConflict: It holds a run of another config and ``overwrite`` is not set, or files that no run made.
        """
        names = [name for name in self._storage.names() if not name.startswith(".")]
        text = self._storage.read(MANIFEST)
        if text is None:
            foreign = [name for name in names if name not in (*_ALL, *_KEPT) and not _VERIFICATION.fullmatch(name)]
            if foreign:
                raise OutputConflict(
                    f"{self.path} holds files that are not of a replay run ({', '.join(foreign[:3])}): give an empty "
                    "or new directory as output"
                )
            return None
        if overwrite:
            return None
        manifest = Manifest.from_json(text, self.path)
        if manifest.config_sha256 == config_sha256:
            return manifest
        raise OutputConflict(
            f"{self.path} holds run {manifest.run_id} of another config (started {manifest.started}, "
            f"{manifest.status}): give another output, or --overwrite to replace it"
        )

    def begin(self, manifest: Manifest, *, resume: bool) -> None:
        """Take the directory for a run: earlier results go, what verified them too; the tables unless it resumes."""
        verifications = [name for name in self._storage.names() if _VERIFICATION.fullmatch(name)]
        for name in (*(_RESULTS if resume else _ALL), *verifications, _DIGESTS, _REFERENCE):
            self._storage.delete(name)
        self._write(MANIFEST, manifest.to_json())

    def finish(self, manifest: Manifest, finished: str, rows: dict[str, Any], files: dict[str, str]) -> Manifest:
        """Complete a run: its files first, the manifest, ``summary.json``, and its verdict last.

        Args:
            manifest: What `begin` wrote.
            finished: ISO 8601, UTC.
            rows: Rows in and out.
            files: Text by file name; must hold ``summary.json``.
        """
        done = replace(manifest, status=COMPLETE, finished=finished, rows=rows, tables=self.tables())
        self.write_results(done, files)
        return done

    def write_results(self, manifest: Manifest, files: dict[str, str]) -> None:
        """Write what a complete run has to show: ``summary.json``, which says that it is, and then its verdict."""
        last = (SUMMARY, VERDICT)
        for name in (name for name in files if name not in last):
            self._write(name, files[name])
        self._write(MANIFEST, manifest.to_json())
        for name in (name for name in last if name in files):
            self._write(name, files[name])

    def _write(self, name: str, text: str) -> None:
        self._storage.write(name, redacted(text))

    def tables(self) -> dict[str, int]:
        """Version of each table that is there, as far as names of local files tell it."""
        versions = {name: newest_version(self.table(name)) for name in (SCORES, DIFFS, METRICS, HYPOTHESES)}
        return {name: version for name, version in versions.items() if version is not None}
