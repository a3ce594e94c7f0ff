"""Incidents told in sentences: what happened, when, to whom and why, for someone who has never seen the tool."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from replay.report.numerals import clock, count, moment, number, percent, seconds
from replay.report.verdicts import Cause, Incident, NoiseFloor

UNEXPLAINED = "unexplained"
_LISTED = 4


def incident_sentence(incident: Incident) -> str:
    """Say when, who, how much, and what reproduces it."""
    first = incident.causes[0] if incident.causes else None
    when, who = _when(incident), _who(incident)
    if incident.kind == "shift":
        size = number(abs(incident.mean_delta or 0.0), 2)
        what = f"{when}, the scores of {who} were off by {size} on average: a shift smaller than the tolerance of a row"
    else:
        what = f"{when}, {percent(incident.mismatch_rate)} of {who} got another score than the replay gives"
    if first is None or first.kind == UNEXPLAINED:
        return f"{what}. No hypothesis that was tried explains it."
    return f"{what}, {_as_if(first)}. {evidence_sentence(first)}"


def evidence_sentence(cause: Cause) -> str:
    """Say how many rows a cause reproduces."""
    explained = round((cause.explained_rate or 0.0) * cause.rows_tested)
    rows = f"{count(explained)} of {count(cause.rows_tested)} ({percent(cause.explained_rate)})"
    return f"Replayed that way, {rows} of the mismatched rows give what online answered."


def cause_words(cause: Cause) -> str:
    """A cause in a few words.

    >>> cause_words(Cause("null_features", 0.9, 10, families=("counts",)))
    'family counts null'
    """
    words = _SHORT.get(cause.kind)
    return cause.kind.replace("_", " ") if words is None else words(cause)


def ruled_out_sentence(causes: Sequence[Cause]) -> str:
    """Say what was tried and excluded, each kind with the best that it came to."""
    best: dict[str, tuple[float, int]] = {}
    for cause in causes:
        rate, tried = best.get(cause.kind, (0.0, 0))
        best[cause.kind] = (max(rate, cause.explained_rate or 0.0), tried + 1)
    if not best:
        return ""
    parts = [f"{_NOT.get(kind, f'not {kind}')} (best {percent(rate)})" for kind, (rate, _) in best.items()]
    return f"Ruled out by replaying: {', '.join(parts)}."


def equivalent_sentence(cause: Cause) -> str:
    """Name the explanations that the rows cannot tell apart; empty where there is none."""
    if not cause.equivalent:
        return ""
    more = len(cause.equivalent) - _LISTED
    names = "; ".join(cause.equivalent[:_LISTED]) + (f"; and {more} more" if more > 0 else "")
    return f"These rows cannot tell it from: {names}."


def cost_sentence(incident: Incident) -> str:
    """Say what the incident cost in quality; empty without a label."""
    names = (("ne_increase", "NE rose by"), ("auc_drop", "AUC fell by"))
    parts = []
    for metric, words in names:
        found = incident.loss.get(metric)
        if found is not None and found.value is not None:
            interval = "" if found.low is None else f" ({number(found.low, 3)} to {number(found.high, 3)})"
            parts.append(f"{words} {number(found.value, 3)}{interval}")
    if not parts:
        return ""
    repaired = [
        f"{cause_words(cause)} accounts for {percent(share)} of the NE lost"
        for cause in incident.causes
        if (share := (cause.loss or {}).get("ne")) is not None and 0 <= share <= 1
    ]
    return f"What it cost, inside: {', '.join(parts)}. {'; '.join(repaired)}{'.' if repaired else ''}".strip()


def noise_sentence(floor: NoiseFloor) -> str:
    """Say how far scores differ with no incident."""
    text = (
        f"With no incident, scores differ by at most {number(floor.abs, 2)} + {number(floor.rel, 2)} x the online score"
    )
    if floor.mismatch_rate:
        text += f"; {percent(floor.mismatch_rate)} of the rows lie beyond that at all times"
    if floor.transform:
        text += f". Online answers through another layer: {floor.transform}"
    return f"{text}."


def _when(incident: Incident) -> str:
    if incident.permanent:
        start = f"Since {moment(incident.start)} UTC"
        return f"{start}, to the end of the window" + (", more and more" if incident.gradual else "")
    lasted = seconds((incident.end - incident.start).total_seconds())
    onset = ", setting in gradually" if incident.gradual else ""
    return f"On {incident.start:%Y-%m-%d} from {_range(incident)} UTC ({lasted}{onset})"


def _range(incident: Incident) -> str:
    start, end = (at.replace(microsecond=0) for at in (incident.start, incident.end))
    last = clock(end) if start.date() == end.date() else moment(end)
    return f"{clock(start)} to {last}"


def _who(incident: Incident) -> str:
    where = _slice(incident)
    rows = f"the {count(incident.rows)} rows"
    return f"{rows} of {where}" if where else rows


def _slice(incident: Incident) -> str:
    return " and ".join(f"{name}={value}" for name, value in incident.segments.items())


def _named(cause: Cause) -> str:
    families = [f"family {name}" for name in cause.families or ()]
    return ", ".join((*families, *(cause.features or ())))


def _lag(cause: Cause) -> str:
    return seconds(cause.lag_seconds)


def _parameter(cause: Cause, name: str) -> str:
    value = (cause.parameters or {}).get(name)
    return value if isinstance(value, str) else number(value)


def _modules(cause: Cause) -> str:
    return ", ".join(f"{glob} of {checkpoint}" for glob, checkpoint in (cause.checkpoints or {}).items())


def _scaled(cause: Cause) -> str:
    function = (cause.parameters or {}).get("function")
    return f"put through {function}" if function else f"multiplied by {_parameter(cause, 'factor')}"


def _affine(cause: Cause) -> str:
    space = "logit" if (cause.parameters or {}).get("space") == "logit" else "score"
    return f"{space} = {_parameter(cause, 'offset')} + {_parameter(cause, 'slope')} x the model's"


_SHORT: dict[str, Callable[[Cause], str]] = {
    "null_features": lambda one: f"{_named(one)} null",
    "stale_features": lambda one: f"{_named(one)} stale by {_lag(one)}",
    "checkpoint": lambda one: f"checkpoint {one.checkpoint} answered",
    "route": lambda one: f"checkpoint {one.checkpoint} answered a share of the rows",
    "splice": lambda one: f"parameters mixed: {_modules(one)}",
    "precision": lambda one: f"{one.checkpoint} cast to {_parameter(one, 'dtype')}",
    "scale": lambda one: f"{_named(one)} {_scaled(one)}",
    "constant": lambda one: f"{_named(one)} fixed at {_parameter(one, 'value')}",
    "swap": lambda one: f"{_named(one)} exchanged",
    "affine": lambda one: f"another output layer: {_affine(one)}",
    UNEXPLAINED: lambda _: "unexplained",
}
_AS_IF: dict[str, Callable[[Cause], str]] = {
    "null_features": lambda one: f"as if {_named(one)} had been null",
    "stale_features": lambda one: f"as if {_named(one)} had been {_lag(one)} old",
    "checkpoint": lambda one: f"as if checkpoint {one.checkpoint} had answered",
    "route": lambda one: (
        f"as if checkpoint {one.checkpoint} had answered about "
        f"{percent(float((one.parameters or {}).get('route_share', 0.0)))} of the rows"
    ),
    "splice": lambda one: f"as if the model had been put together from {_modules(one)}",
    "precision": lambda one: f"as if {one.checkpoint} had been cast to {_parameter(one, 'dtype')}",
    "scale": lambda one: f"as if {_named(one)} had been {_scaled(one)}",
    "constant": lambda one: f"as if {_named(one)} had always been {_parameter(one, 'value')}",
    "swap": lambda one: f"as if {_named(one)} had been exchanged",
    "affine": lambda one: f"as if the answer had gone through another layer ({_affine(one)})",
}
_NOT = {
    "null_features": "not another family or feature null",
    "stale_features": "not a stale value",
    "checkpoint": "not another checkpoint",
    "precision": "not a cast",
    "splice": "not a mix of modules",
    "affine": "not another output layer",
    "scale": "not a scaled feature",
    "constant": "not a fixed value",
}


def _as_if(cause: Cause) -> str:
    return _AS_IF.get(cause.kind, cause_words)(cause)
