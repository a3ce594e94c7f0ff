"""The command that replays a cause over the full window, to be pasted into a shell."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from replay.config import ReplayConfig
from replay.config.sections.scenarios import Perturbation
from replay.config.yaml.document import YamlError, parse_yaml
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.incidents.find import FoundIncident
from replay.traffic import slice_condition


def verify_command(
    config: ReplayConfig, schema: pa.Schema, incident: FoundIncident, hypothesis: Hypothesis
) -> str | None:
    """The command that replays a cause over the full window, into a directory of its own; None where it is no scenario.

    Its variant (``verify``, or the checkpoint) then agrees with online within the incident. The config's gates are left
    out: they are about other variants.

    Args:
        config: Of the run that found it.
        schema: The pinned table's.
        incident: When and for whom.
        hypothesis: What happened.
    """
    settings = verify_settings(config, schema, incident, hypothesis)
    if settings is None:
        return None
    if config.gates:
        settings["gates"] = []
    parts = ["replay", "run", config.source or "replay.yaml", "--output", f"{config.output}-verify"]
    for key, value in settings.items():
        parts += ["--set", f"{key}={_yaml(value)}"]
    return shlex.join(parts)


def verify_settings(
    config: ReplayConfig, schema: pa.Schema, incident: FoundIncident, hypothesis: Hypothesis
) -> dict[str, Any] | None:
    """What a cause is in a config, by key: the perturbations and the recipe that it was replayed with, as they are."""
    if hypothesis.layer is not None:
        return None
    settings: dict[str, Any] = {}
    checkpoint = hypothesis.checkpoint
    if hypothesis.recipe is not None:
        checkpoint = "verify"
        settings["checkpoints.verify"] = hypothesis.recipe.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if not hypothesis.perturbations:
        return {**settings, "baseline": checkpoint}
    steps = [_as_yaml(step) for step in hypothesis.perturbations]
    window = {"start": _iso(incident.start_us), "end": _iso(incident.end_us)}
    where = {"where": slice_condition(schema, incident.segments)} if incident.segments else {}
    settings["scenarios"] = {"verify": [{**step, "window": window, **where} for step in steps]}
    if (checkpoint,) != (config.scenario_checkpoints or (config.baseline,)):
        settings["scenario_checkpoints"] = [checkpoint]
    return settings


def _as_yaml(step: Perturbation) -> dict[str, Any]:
    """A step as one would write it: what is given, a list of one as its value, and then the names."""
    written = step.model_dump(mode="json", by_alias=True, exclude_unset=True)
    given = {key: value for key, value in written.items() if value not in (None, [], {})}
    names = {key: given.pop(key) for key in ("families", "features", "with") if key in given}
    return {key: value[0] if isinstance(value, list) else value for key, value in given.items()} | names


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
