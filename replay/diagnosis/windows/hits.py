"""Which rows each cause hit, as far as their scores tell."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay
from replay.diagnosis.causes.hypothesis import Hypothesis

Hits = NDArray[np.int8]

UNKNOWN = -1
"""The row does not tell whether a cause hit it."""


def find_hits(
    counterfactual: CounterfactualReplay, causes: Sequence[Hypothesis], joints: Sequence[Hypothesis] = ()
) -> Hits:
    """Find which of the mismatched rows each cause hit.

    A row is replayed under every cause, and under pairs of them. A cause hit it if it is a part of whatever explains
    the row, and did not if all that explains it does not come to the cause. Else that is not known. Features are parts:
    where five were null, so were two of them.

    Args:
        counterfactual: The rows.
        causes: What may have hit them.
        joints: Pairs of causes that explain rows which neither of the two explains alone.

    Returns:
        ``(len(causes), num_rows)``: 1 where it hit, 0 where it did not, else ``UNKNOWN``, as in rows that the model
        does not accept.
    """
    rows = counterfactual.bad
    explaining = list(dict.fromkeys((*causes, *joints)))
    explained = np.stack([counterfactual.explains(one, rows) for one in explaining])  # (num_explaining, num_bad)
    none = ~explained.any(axis=0)
    parts = [_parts(one, counterfactual.baseline) for one in explaining]
    hits = np.full((len(causes), len(counterfactual.online)), UNKNOWN, np.int8)
    for place, cause in enumerate(causes):
        wanted = _parts(cause, counterfactual.baseline)
        holds = np.array([wanted <= one for one in parts])
        hit = ~(explained & ~holds[:, None]).any(axis=0) & ~none
        having = [np.array([one_part in some for some in parts]) for one_part in wanted]
        missed = ~np.all([explained[some].any(axis=0) for some in having], axis=0)
        hits[place, rows] = np.where(hit, 1, np.where(missed, 0, UNKNOWN))
    return hits


def _parts(hypothesis: Hypothesis, baseline: str) -> frozenset[Hashable]:
    """What a hypothesis is made of: a change of each of its features, another model, a layer."""
    if hypothesis.parts:
        return frozenset().union(*(_parts(part, baseline) for part in hypothesis.parts))
    what = (hypothesis.kind, hypothesis.parameters)
    found: set[Hashable] = {(*what, feature) for feature in hypothesis.features}
    if hypothesis.scorer != baseline:
        found.add(hypothesis.scorer)
    if hypothesis.layer is not None:
        found.add(what)
    return frozenset(found)
