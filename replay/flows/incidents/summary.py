"""Incidents and causes in the report's words: evidence, cost, rows to look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from replay.config import ReplayConfig
from replay.diagnosis.causes.counterfactual import CounterfactualReplay
from replay.diagnosis.causes.find import Diagnosis, FoundCause
from replay.diagnosis.causes.sampling import SampledRows
from replay.diagnosis.cost import QualityLoss, quality_loss
from replay.diagnosis.incidents.find import FoundIncident
from replay.diagnosis.incidents.rows import RowTable
from replay.flows.incidents.verify_command import verify_command
from replay.report import summary as report
from replay.report.summary.data import row_command

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
        schema: The pinned table's.
        incident: When and for whom.
        sample: Rows on which causes were tested.
        diagnosis: What was found; None where no row is beyond the tolerance.
        laboratory: Where it was tested.
    """

    rows: RowTable
    identity: NDArray[np.int64]
    keys: Mapping[int, dict[str, Any]]
    schema: pa.Schema
    incident: FoundIncident
    sample: SampledRows
    diagnosis: Diagnosis | None = None
    laboratory: CounterfactualReplay | None = None


def summarize_incident(config: ReplayConfig, case: Case) -> report.Incident:
    """Tell one incident."""
    found, diagnosis = case.incident, case.diagnosis
    loss = _loss(case)
    causes: tuple[report.Cause, ...] = (report.Cause(_UNEXPLAINED, None, 0, share=1.0, text=_NO_ROWS),)
    ruled_out: tuple[report.Cause, ...] = ()
    if diagnosis is not None:
        causes = tuple(
            replace(
                _tell_cause(cause),
                share=cause.share,
                loss=_shares(loss, place),
                command=verify_command(config, case.schema, found, cause),
            )
            for place, cause in enumerate(diagnosis.causes)
        )
        ruled_out = tuple(_tell_cause(cause) for cause in diagnosis.ruled_out)
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


def _tell_cause(cause: FoundCause) -> report.Cause:
    """What is said of a cause and of what was ruled out alike."""
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
        equivalent=tuple(other.describe() for other in cause.equivalent),
        text=cause.why or None,
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
