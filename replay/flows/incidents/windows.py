"""The windows of overlapping causes: rows around an incident are fetched, and replayed under each of its causes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from replay.config import DiagnosisConfig, Tolerance
from replay.diagnosis.causes.cause import UNEXPLAINED
from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.sampling import SampledRows
from replay.diagnosis.windows.draw import RowsAround, draw_around
from replay.diagnosis.windows.find import FoundWindow, find_windows
from replay.diagnosis.windows.hits import UNKNOWN, find_hits
from replay.flows.incidents.summary import Case

Fetch = Callable[[Mapping[int, SampledRows]], Callable[[int], CounterfactualReplay]]
Windows = dict[Hypothesis, tuple[FoundWindow, ...]]

_REACH = 10  # so many drawn hits: that none of as many is drawn has a chance of e^-10
_LEAST_UNEXPLAINED = 0.1  # of the mismatched rows; less is no other cause that one could overlap with


def place_causes(
    cases: Sequence[Case],
    settings: DiagnosisConfig,
    seed: int,
    tolerances: Sequence[Tolerance],
    background_rate: float,
    fetch: Fetch,
) -> list[Case]:
    """Find when and for whom each cause holds, of the incidents that have several.

    Rows are drawn by hash first. Then those where a window begins or ends are looked at one by one.

    Args:
        cases: All incidents with their causes.
        settings: How many rows are drawn.
        seed: Of the draw.
        tolerances: When a row of each incident agrees.
        background_rate: Share of the rows that disagree where there is no incident.
        fetch: Brings the logged rows of samples, by the place of the incident, and then replays one of them.

    Returns:
        The cases, with windows where these are told.
    """
    found = list(cases)
    drawn = {
        place: draw_around(case.rows, case.identity, case.incident, tolerance, most=settings.sample_rows, seed=seed)
        for place, (case, tolerance) in enumerate(zip(cases, tolerances, strict=True))
        if _has_several(case)
    }
    for is_last in (False, True):
        if not drawn:
            break
        replay = fetch({place: rows.sample for place, rows in drawn.items()})
        for place, rows in drawn.items():
            found[place] = replace(cases[place], windows=_windows(cases[place], rows, replay(place), background_rate))
        if not is_last:
            drawn = {
                place: rows.zoomed(cases[place].rows, _edges(found[place].windows))
                for place, rows in drawn.items()
                if not rows.is_whole and found[place].windows
            }
    return found


def _has_several(case: Case) -> bool:
    """Whether an incident has several causes, of which each may have a time of its own."""
    if case.diagnosis is None or case.incident.kind != "mismatch" or case.incident.times:
        return False
    known = [cause for cause in case.diagnosis.causes if cause.kind != UNEXPLAINED]
    rest = sum(cause.share or 0.0 for cause in case.diagnosis.causes if cause.kind == UNEXPLAINED)
    return len(known) > 1 or (len(known) == 1 and rest >= _LEAST_UNEXPLAINED)


def _edges(windows: Mapping[Hypothesis, Sequence[FoundWindow]]) -> list[tuple[int, int]]:
    """Where windows begin and end, and how far from there a row that was hit may lie undrawn: some hits away."""
    return [
        (edge, _REACH * (one.end_us - one.start_us) // max(one.explained, 1))
        for some in windows.values()
        for one in some
        for edge in (one.start_us, one.end_us)
    ]


def _windows(case: Case, drawn: RowsAround, counterfactual: CounterfactualReplay, background_rate: float) -> Windows:
    """Windows of the causes of an incident, of those that have their own."""
    sampled = drawn.sample.mismatched
    if case.diagnosis is None or counterfactual.evidence.batch.num_rows != len(sampled):
        return {}  # rows whose keys are not found again
    causes = [cause for cause in case.diagnosis.causes if cause.hypothesis is not None]
    hits = find_hits(counterfactual, [cause.hypothesis for cause in causes], case.diagnosis.joints)
    windows: Windows = {}
    for cause, hit_of in zip(causes, hits, strict=True):
        hit = np.where(drawn.mismatched, UNKNOWN, 0).astype(np.int8)
        hit[sampled] = hit_of
        chance = background_rate * float((cause.parameters or {}).get("chance_rate", 0.0))
        found = find_windows(case.rows, case.incident, drawn, hit[drawn.places], chance)
        if found:
            windows[cause.hypothesis] = found
    return windows
