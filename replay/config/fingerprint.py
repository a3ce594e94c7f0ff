"""The config as data for the manifest, and its fingerprint: configs with the same one give the same results."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

from replay.config.output_template import literal
from replay.config.sections.replay import ReplayConfig
from replay.errors.secrets import escaped

# Where a run writes, how it works, and how its results are judged do not change the scores.
_NOT_RESULTS = ("output", "engine", "gates", "diagnosis", "base_dir", "features", "audits", "sources")


def to_resolved_dict(config: ReplayConfig) -> dict[str, Any]:
    """Write a config out with every default, as JSON holds it.

    Secrets of the environment are named, not written. Times are ISO 8601 in UTC, durations text (``1min``), and numbers
    that are not finite text (``nan``, ``inf``, which stay text among a factory's arguments).
    :func:`~replay.config.load.build_config` reads it back, as long as the order of keys is kept: in an input's
    ``missing`` and ``transform`` it has a meaning.
    """
    resolved: dict[str, Any] = _strict(config.model_dump(mode="json", by_alias=True))
    return _readable(resolved, config)


def to_short_dict(config: ReplayConfig) -> dict[str, Any]:
    """The same without what is a default: as one would write it. It reads back as the same config."""
    written: dict[str, Any] = _strict(config.model_dump(mode="json", by_alias=True, exclude_defaults=True))
    return _readable(written, config)


def _readable(data: dict[str, Any], config: ReplayConfig) -> dict[str, Any]:
    """As a file says it: of a resolved config, the output is no template any more."""
    return {**data, "output": literal(config.output)} if config.is_resolved else data


def _strict(value: Any, *, written: bool = False) -> Any:
    """Numbers that are not finite as text: JSON has none. What would be read as a variable's name, escaped.

    Args:
        value: As pydantic has it.
        written: Arguments of user code, in which names of variables are such: they stand for secrets.
    """
    if isinstance(value, dict):
        return {key: _strict(entry, written=written or key == "kwargs") for key, entry in value.items()}
    if isinstance(value, list):
        return [_strict(entry, written=written) for entry in value]
    if isinstance(value, str):
        return value if written else escaped(value)
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def fingerprint(config: ReplayConfig) -> str:
    """Hash what decides a run's results, as far as the config says it.

    ``output``, ``engine``, ``gates``, ``diagnosis``, ``features``, ``audits`` and ``base_dir`` are left out, and so is
    a source that no scenario names. Of a secret the name counts, not the
    value, which may be renewed at any time. The order of keys does not count but
    where it has a meaning: in an input's ``missing`` and ``transform`` and in a ``splice``, where the first match wins.
    Contents of files do not count either: those of traffic, checkpoints, vocabularies and the user's code are pinned
    elsewhere.
    Of ``engine``, what may change a score's last bits tells runs apart, not configs.

    Returns:
        SHA-256 in hexadecimal.
    """
    data = {key: value for key, value in to_resolved_dict(config).items() if key not in _NOT_RESULTS}
    for entry in data["checkpoints"].values():
        if "splice" in entry:
            entry["splice"] = list(entry["splice"].items())
        if entry.get("model", ...) is None:
            del entry["model"]
    contracts = (data["model"], *(entry["model"] for entry in data["checkpoints"].values() if "model" in entry))
    for entry in (entry for contract in contracts for entry in contract["inputs"]):
        entry.update({key: _in_order(entry[key]) for key in ("missing", "transform")})
    used = scenario_sources(config)
    if used:
        written = to_resolved_dict(config)["sources"]
        data["sources"] = {name: {**written[name], "columns": list(written[name]["columns"].items())} for name in used}
    if data["skew_matrix"] is not None:
        data["skew_matrix"]["modules"] = list(data["skew_matrix"]["modules"].items())
    data["scenario_checkpoints"] = sorted(data["scenario_checkpoints"]) or [config.baseline]
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def scenario_sources(config: ReplayConfig) -> list[str]:
    """Other tables that scenarios take values from, sorted."""
    named = {step.arguments.other_table for steps in config.scenarios.values() for step in steps}
    return sorted(name for name in named if name is not None)


def _in_order(value: Any) -> Any:
    """Mappings as lists of keys and values, which keep their order."""
    if isinstance(value, dict):
        return [[key, _in_order(entry)] for key, entry in value.items()]
    return [_in_order(entry) for entry in value] if isinstance(value, list) else value
