"""Lags, and what a row without an older value is scored as."""

from __future__ import annotations

import numpy as np

from replay.diagnosis.causes.kinds.stale_features import stale
from tests.diagnosis.worlds import COUNTS, FAMILIES, make_world, null_columns


def counterfactual(seed=0):
    world = make_world(seed, num_rows=3_000, incident=600)
    online = world.online_if(world.score(null_columns(world.columns, FAMILIES["counts"])), world.bad)
    return world.counterfactual(online)


def test_a_row_without_an_older_value_is_scored_as_missing():
    lab = counterfactual()
    rows = lab.bad[:50]
    found = lab.score_past(stale(lab, COUNTS, 1), rows, np.full(len(rows), -1))
    expected = lab.predict([lab.perturbed("null_features", COUNTS, "nulls")], rows)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
