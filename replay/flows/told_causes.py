"""Incidents and causes in the report's words: evidence, cost, rows to look at, the command that verifies a cause."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replay.config import ReplayConfig, render_duration
from replay.diagnosis.causes import Diagnosis, FoundCause
from replay.diagnosis.cost import QualityLoss, quality_loss
from replay.diagnosis.incidents import FoundIncident
from replay.diagnosis.laboratory import Laboratory
from replay.diagnosis.rows import RowTable
from replay.diagnosis.sampling import SampledRows
from replay.report import verdicts as report
from replay.report.rows import row_command

EXAMPLES = 5
"""Rows of an incident that are shown."""

_LOSSES = {"ne": "ne_increase", "auc": "auc_drop", "calibration": "calibration_shift"}
_UNEXPLAINED = "unexplained"


@dataclass(frozen=True)
class Case:
    """One incident with all that is known of it.

    Attributes:
        rows: The baseline's rows.
        identity: (num_rows,) a hash of each row's key.
        keys: Key by that hash, of the sampled rows.
        incident: When and for whom.
        sample: Rows on which causes were tested.
        diagnosis: What was found; None where no row is beyond the tolerance.
        laboratory: Where it was tested.
    """

    rows: RowTable
    identity: NDArray[np.int64]
    keys: Mapping[int, dict[str, Any]]
    incident: FoundIncident
    sample: SampledRows
    diagnosis: Diagnosis | None = None
    laboratory: Laboratory | None = None


def tell_incident(config: ReplayConfig, case: Case) -> report.Incident:
    """Tell one incident."""
    found, diagnosis = case.incident, case.diagnosis
    loss = _loss(case)
    causes: tuple[report.Cause, ...] = (report.Cause(_UNEXPLAINED, None, 0, share=1.0, text=_NO_ROWS),)
    ruled_out: tuple[report.Cause, ...] = ()
    if diagnosis is not None:
        causes = tuple(
            _tell_cause(config, found, cause, _shares(loss, place)) for place, cause in enumerate(diagnosis.causes)
        )
        ruled_out = tuple(_tell_cause(config, None, cause) for cause in diagnosis.ruled_out)
    return report.Incident(
        start=_moment(found.start_us),
        end=_moment(found.end_us),
        rows=found.rows,
        mismatched=found.mismatched,
        mismatch_rate=found.mismatch_rate,
        segments=found.segments,
        causes=causes,
        ruled_out=ruled_out,
        kind="shift" if found.kind == "shift" else "mismatch",
        mean_delta=found.mean_delta,
        p_value=found.p_value,
        permanent=found.permanent,
        gradual=found.gradual,
        loss={} if loss is None else {_LOSSES[name]: cost.loss for name, cost in loss.metrics.items()},
        examples=_examples(config, case),
        hypotheses=0 if diagnosis is None else len(diagnosis.tried),
        rows_scored=0 if diagnosis is None else diagnosis.rows_scored,
    )


_NO_ROWS = "no row is beyond the tolerance, so that no row can be put down to a cause: the shift is systematic"


def _loss(case: Case) -> QualityLoss | None:
    """What the incident cost, over its good rows and the sampled mismatched ones, which stand for all of them."""
    rows, found = case.rows, case.incident
    if rows.label is None or case.laboratory is None or case.diagnosis is None:
        return None
    low, high = np.searchsorted(rows.time_us, [found.start_us, found.end_us])
    inside = np.zeros(len(rows), dtype=bool)
    inside[low:high] = True
    inside &= rows.in_slice(found.segments) & rows.counts
    inside[found.indices] = False
    sampled = case.sample.mismatched
    if not len(sampled):
        return None
    places = np.concatenate((np.flatnonzero(inside), sampled))
    weight = np.ones(len(places))
    weight[len(places) - len(sampled) :] = max(found.mismatched, len(sampled)) / len(sampled)
    if rows.weight is not None:
        weight = weight * rows.weight[places]
    explained = {}
    for place, cause in enumerate(case.diagnosis.causes):
        if cause.hypothesis is not None:
            mask = np.zeros(len(places), dtype=bool)
            laboratory = case.laboratory
            tested = laboratory.bad
            mask[len(places) - len(sampled) + tested] = laboratory.explains(cause.hypothesis, tested)
            explained[str(place)] = mask
    return quality_loss(
        rows.online[places],
        rows.replayed[places],
        rows.label[places],
        weight=weight,
        group=None if rows.group is None else rows.group[places],
        explained=explained,
    )


def _shares(loss: QualityLoss | None, place: int) -> dict[str, float | None] | None:
    parts = None if loss is None else loss.causes.get(str(place))
    return None if parts is None else {name: part.share for name, part in parts.items()}


def _tell_cause(
    config: ReplayConfig,
    incident: FoundIncident | None,
    cause: FoundCause,
    loss: dict[str, float | None] | None = None,
) -> report.Cause:
    known = cause.kind != _UNEXPLAINED
    return report.Cause(
        kind=cause.kind,
        explained_rate=cause.explained_rate,
        rows_tested=cause.rows_tested,
        families=cause.families or None,
        features=cause.features or None,
        checkpoint=cause.checkpoint,
        checkpoints=dict(cause.checkpoints) or None,
        lag_seconds=cause.lag_seconds,
        parameters=_parameters(cause) or None,
        explained_low=cause.explained_low if known else None,
        explained_high=cause.explained_high if known else None,
        control_rate=cause.control_rate,
        share=cause.share if incident is not None else None,
        equivalent=tuple(other.describe() for other in cause.equivalent),
        text=cause.why or None,
        loss=loss,
        command=None if incident is None else verify_command(config, incident, cause),
    )


def _parameters(cause: FoundCause) -> dict[str, str | float]:
    named = {
        "value": cause.value,
        "factor": cause.factor,
        "function": cause.function,
        "dtype": cause.dtype,
        "offset": cause.offset,
        "slope": cause.slope,
        "space": "logit" if cause.logit else None,
        "route_share": cause.route_share,
        "lag_low_seconds": cause.lag_low_seconds,
        "lag_high_seconds": cause.lag_high_seconds,
        "chance_rate": cause.chance_rate,
    }
    return {name: value for name, value in named.items() if value is not None}


def verify_command(config: ReplayConfig, incident: FoundIncident, cause: FoundCause) -> str | None:
    """The command that replays a cause over the full window, into a directory of its own; None where it is no scenario.

    Its variant (``verify``, or the checkpoint) then agrees with online within the incident.
    """
    settings = _as_scenario(incident, cause, config) or _as_checkpoint(cause)
    if settings is None:
        return None
    parts = ["replay", "run", config.source or "replay.yaml", "--output", f"{config.output}-verify"]
    for key, value in settings.items():
        parts += ["--set", f"{key}={value if isinstance(value, str) else json.dumps(value)}"]
    return shlex.join(parts)


def _as_scenario(incident: FoundIncident, cause: FoundCause, config: ReplayConfig) -> dict[str, Any] | None:
    step = _step(cause)
    if step is None:
        return None
    if cause.kind != "swap":
        step |= {"families": list(cause.families)} if cause.families else {}
        step |= {"features": list(cause.features)} if cause.features else {}
    step["window"] = {"start": _iso(incident.start_us), "end": _iso(incident.end_us)}
    if incident.segments:
        conditions = (f"`{name}` = {_sql_text(value)}" for name, value in incident.segments.items())
        step["where"] = " AND ".join(conditions)
    settings: dict[str, Any] = {"scenarios": {"verify": [step]}}
    if cause.checkpoint is not None and cause.checkpoint != config.baseline:
        settings["scenario_checkpoints"] = [cause.checkpoint]
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


def _sql_text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _examples(config: ReplayConfig, case: Case) -> tuple[report.IncidentRow, ...]:
    """Sampled mismatched rows whose scores are furthest apart."""
    rows, places = case.rows, case.sample.mismatched
    away = np.abs(rows.replayed[places] - rows.online[places])
    shown = [place for place in places[np.argsort(-away, kind="stable")] if int(case.identity[place]) in case.keys]
    return tuple(
        report.IncidentRow(
            key=case.keys[int(case.identity[place])],
            time=_moment(int(rows.time_us[place])),
            online=float(rows.online[place]),
            replayed=float(rows.replayed[place]),
            command=row_command(config.source, case.keys[int(case.identity[place])]),
        )
        for place in shown[:EXAMPLES]
    )


def _moment(time_us: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(time_us))


def _iso(time_us: int) -> str:
    return _moment(time_us).isoformat().replace("+00:00", "Z")
