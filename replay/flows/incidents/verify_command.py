"""The command that replays a cause over the full window, to be pasted into a shell."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from replay.config import ReplayConfig, render_duration
from replay.config.yaml.document import YamlError, parse_yaml
from replay.diagnosis.causes.found import FoundCause
from replay.diagnosis.incidents.find import FoundIncident
from replay.traffic import slice_condition


def verify_command(config: ReplayConfig, schema: pa.Schema, incident: FoundIncident, cause: FoundCause) -> str | None:
    """The command that replays a cause over the full window, into a directory of its own; None where it is no scenario.

    Its variant (``verify``, or the checkpoint) then agrees with online within the incident. The config's gates are left
    out: they are about other variants.

    Args:
        config: Of the run that found it.
        schema: The pinned table's.
        incident: When and for whom.
        cause: What happened.
    """
    settings = _as_scenario(config, schema, incident, cause) or _as_checkpoint(cause)
    if settings is None:
        return None
    if config.gates:
        settings["gates"] = []
    parts = ["replay", "run", config.source or "replay.yaml", "--output", f"{config.output}-verify"]
    for key, value in settings.items():
        parts += ["--set", f"{key}={_yaml(value)}"]
    return shlex.join(parts)


def _as_scenario(
    config: ReplayConfig, schema: pa.Schema, incident: FoundIncident, cause: FoundCause
) -> dict[str, Any] | None:
    step = _step(cause)
    if step is None:
        return None
    if cause.kind != "swap":
        step |= {"families": list(cause.families)} if cause.families else {}
        step |= {"features": list(cause.features)} if cause.features else {}
    step["window"] = {"start": _iso(incident.start_us), "end": _iso(incident.end_us)}
    if incident.segments:
        step["where"] = slice_condition(schema, incident.segments)
    settings: dict[str, Any] = {"scenarios": {"verify": [step]}}
    perturbed = (cause.checkpoint or config.baseline,)
    if perturbed != (config.scenario_checkpoints or (config.baseline,)):
        settings["scenario_checkpoints"] = list(perturbed)
    return settings


def _step(cause: FoundCause) -> dict[str, Any] | None:
    """The perturbation that a cause is, without the features."""
    match cause.kind:
        case "null_features":
            return {"op": "nulls"}
        case "stale_features" if cause.lag_seconds is not None:
            return {"op": "stale", "lag": render_duration(timedelta(seconds=cause.lag_seconds))}
        case "scale" if cause.factor is not None:
            return {"op": "scale", "factor": cause.factor}
        case "constant" if cause.value is not None:
            return {"op": "constant", "value": cause.value}
        case "swap" if len(cause.features) == 2:
            return {"op": "swap", "features": [cause.features[0]], "with": [cause.features[1]]}
        case _:
            return None


def _as_checkpoint(cause: FoundCause) -> dict[str, Any] | None:
    if cause.kind in ("checkpoint", "route"):
        return {"baseline": cause.checkpoint}
    if cause.kind == "splice":
        return {"checkpoints.verify": {"splice": dict(cause.checkpoints)}, "baseline": "verify"}
    if cause.kind == "precision":
        return {"checkpoints.verify": {"from": cause.checkpoint, "cast": cause.dtype}, "baseline": "verify"}
    return None


def _yaml(value: Any) -> str:
    """A value on one line as ``--set`` reads it back: text as it is where YAML takes it for that, else JSON."""
    if isinstance(value, str) and _is_plain(value):
        return value
    text = json.dumps(value, ensure_ascii=False)
    return "".join(sign if sign.isprintable() else _escaped(sign) for sign in text)


def _escaped(sign: str) -> str:
    """As YAML has it: JSON's pair of surrogates would stay two signs there."""
    return f"\\U{ord(sign):08x}"


def _is_plain(text: str) -> bool:
    if not text.isprintable():
        return False
    try:
        read = parse_yaml(text)
    except YamlError:
        return False
    return bool(read.data == text and not read.doubts and not read.findings)


def _iso(time_us: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(time_us))
    return moment.isoformat().replace("+00:00", "Z")
