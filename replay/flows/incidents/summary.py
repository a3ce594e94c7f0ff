"""Incidents and causes in the report's words: evidence, cost, rows to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from replay.config import ReplayConfig
from replay.diagnosis.causes.cause import UNEXPLAINED, Cause, CauseWindow
from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay
from replay.diagnosis.causes.evidence import Evidence
from replay.diagnosis.causes.find import Diagnosis
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.kinds.checkpoint import route_share
from replay.diagnosis.causes.sampling import SampledRows
from replay.diagnosis.cost import QualityLoss, quality_loss
from replay.diagnosis.incidents.find import FoundIncident
from replay.diagnosis.incidents.load import arrivals, measure_load
from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.windows.find import FoundWindow
from replay.flows.incidents.rows import CollectedRows
from replay.flows.incidents.verify_config import cause_variant
from replay.metrics.metric import changed_metrics
from replay.report import summary as report
from replay.report.words.commands import row_command, verify_command
from replay.report.words.numbers import shortest

EXAMPLES = 5
"""Rows of an incident that are shown."""

_LEAST_GOOD = 20  # sampled good rows of a window that say more of it than those of the whole incident


@dataclass(frozen=True)
class Case:
    """One incident with all that is known of it.

    Attributes:
        number: Of the incident, from 1.
        flags: What the run was given that its commands need as well.
        rows: The baseline's rows.
        identity: (num_rows,) a hash of each row's key.
        keys: Key by that hash, of the sampled rows.
        incident: When and for whom.
        sample: Rows on which causes were tested.
        diagnosis: What was found; None where no row is beyond the tolerance.
        counterfactual: Where causes were replayed.
        windows: When and for whom causes hold, of those of which that is not as of the incident.
        load: Traffic during the incident against all other minutes.
    """

    number: int
    flags: tuple[str, ...]
    rows: RowTable
    identity: NDArray[np.int64]
    keys: Mapping[int, dict[str, Any]]
    incident: FoundIncident
    sample: SampledRows
    diagnosis: Diagnosis | None = None
    counterfactual: CounterfactualReplay | None = None
    windows: Mapping[Hypothesis, Sequence[FoundWindow]] = field(default_factory=dict)
    load: report.Load | None = None


def summarize_incident(config: ReplayConfig, case: Case) -> report.Incident:
    """Everything that a report says of one incident."""
    found, diagnosis = case.incident, case.diagnosis
    loss = _loss(case)
    causes: tuple[Cause, ...] = (Cause(UNEXPLAINED, None, 0, share=1.0, text=_NO_ROWS[found.kind == "shift"]),)
    ruled_out: tuple[Cause, ...] = ()
    if diagnosis is not None:
        causes = tuple(
            _verifiable(_placed(replace(cause, loss=_shares(loss, index)), config, case), config, case, index + 1)
            for index, cause in enumerate(diagnosis.causes)
        )
        ruled_out = diagnosis.ruled_out
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
        loss={} if loss is None else {name: loss.metrics[of.name].loss for name, of in changed_metrics().items()},
        examples=_examples(config, case),
        hypotheses=0 if diagnosis is None else len(diagnosis.tried),
        rows_scored=0 if diagnosis is None else diagnosis.rows_scored,
        times=tuple(_part(*part) for part in found.times) or None,
        rising=None if found.rising is None else _part(*found.rising),
        fading=None if found.fading is None else _part(*found.fading),
        load=case.load,
    )


def incident_loads(collected: CollectedRows, incidents: Sequence[FoundIncident]) -> list[report.Load | None]:
    """Traffic during each incident against all other minutes; of a sample of rows, scaled up to all of them."""
    rows, share = collected.table, collected.share
    by_request = rows.group is not None and share == 1.0  # a sample of rows has nearly all requests, but not all
    times = arrivals(rows) if by_request else rows.time_us
    found = (measure_load(times, one.times or ((one.start_us, one.end_us),)) for one in incidents)
    unit: Literal["requests", "rows"] = "requests" if by_request else "rows"
    return [
        None if load is None else report.Load(unit, load.inside / share, load.outside / share, load.rank, load.minutes)
        for load in found
    ]


def _placed(cause: Cause, config: ReplayConfig, case: Case) -> Cause:
    """A cause with its windows, and the variants that replay it together with others."""
    if not case.windows or cause.hypothesis is None or case.diagnosis is None:
        return cause
    names = [one.hypothesis for one in case.diagnosis.causes]
    joints = {}
    for joint in case.diagnosis.joints:
        places = [names.index(part) + 1 for part in joint.parts]
        variant = cause_variant(config, case.number, places, joint)
        if cause.hypothesis in joint.parts and case.windows.keys() & set(joint.parts) and variant is not None:
            joints[variant] = joint
    told = tuple(
        CauseWindow(
            _moment(one.start_us),
            _moment(one.end_us),
            one.segments,
            one.rows,
            one.mismatched,
            one.rows_tested,
            one.explained,
        )
        for one in case.windows.get(cause.hypothesis, ())
    )
    placed = _answering_all(cause, case.windows[cause.hypothesis], case.counterfactual) if told else cause
    return replace(placed, windows=told or None, together=tuple(joints) or None, joints=tuple(joints.values()))


def _answering_all(cause: Cause, windows: Sequence[FoundWindow], counterfactual: CounterfactualReplay | None) -> Cause:
    """A checkpoint that answered a share of the incident's rows may have answered all of its own time and slice."""
    if cause.hypothesis is None or cause.kind == cause.hypothesis.kind:
        return cause
    rows, mismatched = (sum(getattr(one, name) for one in windows) for name in ("rows", "mismatched"))
    tested, explained = (sum(getattr(one, name) for one in windows) for name in ("rows_tested", "explained"))
    differing = None if counterfactual is None else _differing(counterfactual, cause.hypothesis, windows)
    control_rate = cause.control_rate if differing is None else differing
    share = route_share(mismatched / max(rows, 1), explained / max(tested, 1), control_rate)
    parameters = {name: value for name, value in (cause.parameters or {}).items() if name != "route_share"}
    if share is None:
        return replace(cause, kind=cause.hypothesis.kind, parameters=parameters)
    return replace(cause, parameters={**parameters, "route_share": share})


def _differing(
    counterfactual: CounterfactualReplay, hypothesis: Hypothesis, windows: Sequence[FoundWindow]
) -> float | None:
    """Share of the good rows within windows that would have disagreed; None where too few of them were sampled.

    In its own slice a checkpoint may agree with the baseline more often, or less, than elsewhere.
    """
    good = counterfactual.good
    mine = good[[_is_within(counterfactual.evidence, int(row), windows) for row in good]]
    if len(mine) < _LEAST_GOOD:
        return None
    scores = counterfactual.predict([hypothesis], mine)[0]
    if not counterfactual.is_known(hypothesis, mine):
        return None
    return float((~counterfactual.agree(scores, mine)).mean())


def _is_within(evidence: Evidence, row: int, windows: Sequence[FoundWindow]) -> bool:
    return evidence.time_us is not None and any(
        one.start_us <= evidence.time_us[row] < one.end_us
        and all(evidence.segments[name][row].as_py() == value for name, value in one.segments.items())
        for one in windows
    )


def _verifiable(cause: Cause, config: ReplayConfig, case: Case, place: int) -> Cause:
    """A cause with the variant and the command that replay it, where a scenario or a checkpoint does."""
    variant = None if cause.hypothesis is None else cause_variant(config, case.number, [place], cause.hypothesis)
    if variant is None:
        return cause
    return replace(cause, variant=variant, command=verify_command(config.output, case.number, place, case.flags))


# Why no row was replayed, by whether all rows lie within the tolerance.
_NO_ROWS = {
    True: "no row is beyond the tolerance, so that no row can be put down to a cause: the shift is systematic",
    False: "one of the two scores is no finite number in every row, so that no replay can come near it",
}


def _loss(case: Case) -> QualityLoss | None:
    """What the incident cost, over its good rows and the sampled mismatched ones, which stand for all of them."""
    rows, found = case.rows, case.incident
    if rows.label is None or case.counterfactual is None or case.diagnosis is None:
        return None
    inside = found.holds(rows) & rows.counts
    inside[found.indices] = False
    sampled = case.sample.mismatched
    if not len(sampled):
        return None
    indices = np.concatenate((np.flatnonzero(inside), sampled))
    weight = np.ones(len(indices))
    weight[len(indices) - len(sampled) :] = max(found.mismatched, len(sampled)) / len(sampled)
    if rows.weight is not None:
        weight = weight * rows.weight[indices]
    explained = {}
    for index, cause in enumerate(case.diagnosis.causes):
        if cause.hypothesis is not None:
            mask = np.zeros(len(indices), dtype=bool)
            counterfactual = case.counterfactual
            tested = counterfactual.bad
            mask[len(indices) - len(sampled) + tested] = counterfactual.explains(cause.hypothesis, tested)
            explained[str(index)] = mask
    return quality_loss(
        rows.online[indices],
        rows.replayed[indices],
        rows.label[indices],
        weight=weight,
        group=None if rows.group is None else rows.group[indices],
        explained=explained,
    )


def _shares(loss: QualityLoss | None, index: int) -> dict[str, float | None] | None:
    parts = None if loss is None else loss.causes.get(str(index))
    return None if parts is None else {name: part.share for name, part in parts.items()}


def _examples(config: ReplayConfig, case: Case) -> tuple[report.IncidentRow, ...]:
    """Sampled mismatched rows whose scores are furthest apart."""
    rows, indices = case.rows, case.sample.mismatched
    away = np.abs(rows.replayed[indices] - rows.online[indices])
    shown = [index for index in indices[np.argsort(-away, kind="stable")] if int(case.identity[index]) in case.keys]
    return tuple(
        report.IncidentRow(
            key=case.keys[int(case.identity[index])],
            time=_moment(int(rows.time_us[index])),
            online=shortest(float(rows.online[index])),
            replayed=shortest(float(rows.replayed[index])),
            command=row_command(config.output, case.keys[int(case.identity[index])], case.flags),
        )
        for index in shown[:EXAMPLES]
    )


def _part(start_us: int, end_us: int) -> report.IncidentTime:
    return report.IncidentTime(_moment(start_us), _moment(end_us))


def _moment(time_us: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(time_us))
