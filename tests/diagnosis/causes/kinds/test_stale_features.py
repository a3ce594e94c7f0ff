"""Lags, and what a row without an older value is scored as."""

from __future__ import annotations

import numpy as np
import pytest

from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.kind import KINDS, describe
from replay.diagnosis.causes.kinds.stale_features import stale
from tests.diagnosis.linear import step_of
from tests.diagnosis.worlds import COUNTS, FAMILIES, HOUR, diagnose, make_world, null_columns, stale_columns


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


@pytest.mark.parametrize("hours", [1, 3])
def test_a_stale_family_and_its_lag(world, hours):
    changed = world.score(stale_columns(world.columns, COUNTS, world.entity, world.time_us, hours * HOUR))
    cause = diagnose(world, changed).causes[0]

    assert (cause.kind, cause.families) == ("stale_features", ("counts",))
    low, high = cause.parameters["lag_low_seconds"], cause.parameters["lag_high_seconds"]
    assert low < hours * 3600 <= high
    assert low < cause.lag_seconds <= high


def test_entities_with_a_value_so_old_mark_rows():
    """By brute force over the world's rows, for a lag, and between two."""
    world = make_world(0, num_rows=3_000, incident=600)
    lab = counterfactual()
    one, two = (stale(lab, COUNTS, hours * HOUR) for hours in (6, 30))
    rows = lab.bad[:60]
    entity, time_us = (np.asarray(column)[rows] for column in (lab.evidence.entity, lab.evidence.time_us))

    def newest(lag_us: int) -> list[int]:
        asked = zip(entity, time_us, strict=True)
        old = [(world.entity == who) & (world.time_us <= when - lag_us) for who, when in asked]
        return [int(world.time_us[one].max()) if one.any() else -1 for one in old]

    marks = dict(KINDS["stale_features"].marks(lab, one, two, rows))
    assert marks["of entities with a value 6h old"].tolist() == [at >= 0 for at in newest(6 * HOUR)]
    assert marks["of entities without a value 6h old"].tolist() == [at < 0 for at in newest(6 * HOUR)]
    assert marks["of entities with a new value between 30h and 6h before"].tolist() == [
        near != far for near, far in zip(newest(6 * HOUR), newest(30 * HOUR), strict=True)
    ]


def test_what_it_is_called_and_set():
    found = stale(counterfactual(), COUNTS, 2 * HOUR + 400_000)

    assert describe(found) == "family counts stale by 2h"
    assert KINDS["stale_features"].fields(found) == {"lag_seconds": 7200.4}
    assert step_of(found) == {"op": "stale", "lag": "7200400ms", "families": ["counts"]}
    words = KINDS["stale_features"].words(Cause("stale_features", 1.0, 40))
    assert (words.short, words.as_if) == (
        "{names} stale by {lag_seconds:s}",
        "as if {names} had been {lag_seconds:s} old",
    )
