"""Whether all that a finished run was made from is still as it was, proven without Spark and torch.

Whatever cannot be proven from files on this machine counts as changed: the run is then looked at again by Spark, which
keeps the scores that hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from replay.config import ReplayConfig, to_resolved_dict
from replay.config.locations import is_local
from replay.config.user_code import UserCodeError, code_sources, locate_code
from replay.config.user_code.known_packages import known_version
from replay.config.user_code.sources import file_hash
from replay.files.fetching import known_sha256
from replay.files.model_registry import RegistryError, find_registered, is_registered
from replay.files.reading import entry_names, is_directory
from replay.flows.options import Options
from replay.store import Manifest
from replay.store.manifest import package_versions
from replay.traffic.table.unchanged import is_unchanged


def all_unchanged(config: ReplayConfig, options: Options, manifest: Manifest) -> bool:
    """Whether a run of this config would be the one that a manifest describes.

    Args:
        config: Of the same fingerprint as the manifest's.
        options: Of the command line.
        manifest: Of a finished run.
    """
    others = manifest.packages.keys() - package_versions().keys()
    before = manifest.config.get("engine"), manifest.packages
    return (
        before == (to_resolved_dict(config)["engine"], package_versions(*others))
        and _may_open(options, manifest)
        and all(_same_files(entry, _given(config, name)) for name, entry in manifest.checkpoints.items())
        and _same_sources(config, manifest.sources)
        and is_unchanged(config.traffic, manifest.traffic)
        and _same_tables(config, manifest.other_tables)
        and not (options.strict and _stamped_otherwise(config, manifest))
    )


def _stamped_otherwise(config: ReplayConfig, manifest: Manifest) -> bool:
    """Whether the run is to be refused now, which is then said by what looks at it again."""
    from replay.contracts.stamp import stamp_problem

    return any(
        stamp_problem(entry.path, str(manifest.checkpoints[name]["sha256"]), config.contract_of(name)) is not None
        for name, entry in config.file_checkpoints.items()
    )


def _same_tables(config: ReplayConfig, recorded: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether the other tables that the run took values from are the same."""
    return recorded.keys() <= config.sources.keys() and all(
        is_unchanged(config.sources[name], before) for name, before in recorded.items()
    )


def _may_open(options: Options, manifest: Manifest) -> bool:
    """Whether what was allowed of checkpoints is allowed now; of a run of an earlier version nobody knows."""
    given = {"pickle": options.allow_pickle, "non_finite": options.allow_non_finite}
    return bool(manifest.allowed) and all(given.get(name, False) for name, was in manifest.allowed.items() if was)


def _given(config: ReplayConfig, name: str) -> str | None:
    """The path of a checkpoint that is a file, as in the config."""
    return config.file_checkpoints[name].path if name in config.file_checkpoints else None


def _same_files(entry: Mapping[str, object], given: str | None) -> bool:
    """Whether a checkpoint consists of the same files with the same bytes."""
    files, place = entry.get("files"), str(entry["path"])
    if not isinstance(files, dict) or not files:
        return False
    if given is not None and is_registered(given):
        return _means(given, place) and _has_bytes(files)
    try:
        if is_directory(place):
            endings = {Path(path).suffix for path in files}
            names = (f"{place.rstrip('/')}/{name}" for name in entry_names(place))
            if {path for path in names if Path(path).suffix in endings} != set(files):
                return False
    except (OSError, ValueError, NotImplementedError):
        return False
    return _has_bytes(files)


def _means(given: str, name: str) -> bool:
    """Whether an alias of mlflow's is that of the same version."""
    try:
        return find_registered(given).name == name
    except RegistryError:
        return False


def _has_bytes(files: Mapping[str, str]) -> bool:
    try:
        return all(_sha256(path) == sha256 for path, sha256 in files.items())
    except OSError:
        return False


def _sha256(path: str) -> str | None:
    return file_hash(path) if is_local(path) else known_sha256(path)


def _same_sources(config: ReplayConfig, recorded: Mapping[str, Mapping[str, str]]) -> bool:
    """Whether the user's code and vocabularies are the same: no more, no less, no other."""
    code = dict(_code_places(config))
    if not {*recorded} - {"vocabularies"} <= {*code}:
        return False  # code that only opening a checkpoint shows
    return _has_bytes(recorded.get("vocabularies", {})) and all(
        _same_code(spec, config.base_dir, recorded.get(user, {})) for user, spec in code.items()
    )


def _code_places(config: ReplayConfig) -> Iterator[tuple[str, str]]:
    """Code that the config names, by who uses it; see :func:`replay.scoring.sources.find_sources`."""
    for name, entry in config.file_checkpoints.items():
        if entry.factory is not None:
            yield f"checkpoints.{name}", entry.factory
    for steps in config.scenarios.values():
        for step in steps:
            if ":" in step.op:
                yield f"op {step.op}", step.op


def _same_code(spec: str, base_dir: str, recorded: Mapping[str, str]) -> bool:
    place = locate_code(spec, base_dir)
    try:
        found = code_sources(place)
    except UserCodeError:
        return False
    # What was seen only while the code ran is looked up by name: a package, or a file that it read.
    unseen = {name: _lookup(name, place.directories) for name in recorded.keys() - found.keys()}
    return {**found, **unseen} == recorded


def _lookup(name: str, directories: tuple[str, ...]) -> str | None:
    files = [path for path in (Path(directory) / name for directory in directories) if path.is_file()]
    try:
        return file_hash(str(files[0])) if files else known_version(name)
    except OSError:
        return None
