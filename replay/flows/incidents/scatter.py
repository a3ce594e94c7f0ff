"""Whether what no cause explains can be reproduced at all: rows with equal inputs, looked up where they are needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from replay.diagnosis.causes.cause import UNEXPLAINED
from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay
from replay.diagnosis.causes.evidence import Evidence
from replay.diagnosis.causes.find import Diagnosis
from replay.diagnosis.causes.sampling import SampledRows
from replay.diagnosis.incidents.find import FoundIncident
from replay.diagnosis.scatter import draw_twins, find_scatter, with_scatter
from replay.flows.incidents.rows import CollectedRows

_UNEXPLAINED_SHARE = 0.5
"""Of the mismatched rows: where causes explain more, what is left is not worth looking rows up."""


def tell_scatter(
    diagnosis: Diagnosis,
    collected: CollectedRows,
    incident: FoundIncident,
    look_up: Callable[[SampledRows], Evidence],
    replay: Callable[[Evidence], CounterfactualReplay],
) -> Diagnosis:
    """Say of unexplained rows that online answered equal inputs differently, where it did.

    Args:
        diagnosis: What was found about an incident.
        collected: The baseline's rows.
        incident: Whose rows are looked through.
        look_up: Brings the logged rows of a sample; called only where much is unexplained and scores repeat.
        replay: Where hypotheses about them are replayed.
    """
    last = diagnosis.causes[-1]
    if last.kind != UNEXPLAINED or not last.rows_tested or (last.share or 0.0) < _UNEXPLAINED_SHARE:
        return diagnosis
    twins = draw_twins(collected.table, collected.table.replayed, incident)
    evidence = None if twins is None else look_up(twins)
    if twins is None or evidence is None or evidence.batch.num_rows != len(twins.mismatched):
        return diagnosis
    group = collected.table.group
    request = None if group is None else np.unique(group[twins.mismatched], return_inverse=True)[1]
    named = [cause.hypothesis for cause in diagnosis.causes if cause.hypothesis is not None]
    scatter = find_scatter(replay(evidence), named, request)
    if scatter is None:
        return diagnosis
    return replace(diagnosis, causes=(*diagnosis.causes[:-1], with_scatter(last, scatter)))
