"""Values of other rows, planted in plain torch, are not told as nulls, nor as one value."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from replay.diagnosis.causes.exchanged import without_exchanged
from replay.diagnosis.causes.find import find_causes
from replay.diagnosis.causes.kind import KINDS, describe
from replay.diagnosis.causes.kinds.stale_features import stale
from replay.diagnosis.causes.search import Explanation
from replay.diagnosis.causes.significance import measure
from tests.diagnosis.worlds import COUNTS, USER, World, null_columns, stale_columns

FEW = {name: KINDS[name] for name in ("null_features", "constant")}


@pytest.fixture(params=[0.1, 0.4])
def sparse(world: World, request: pytest.FixtureRequest) -> World:
    """The world with counts in a share of the rows, and null in the others."""
    filled = world.rng.random(len(world.base)) < request.param
    gone = null_columns(world.columns, COUNTS)
    columns = {name: np.where(filled, column, gone[name]) for name, column in world.columns.items()}
    return replace(world, columns=columns, base=world.score(columns))


def test_counts_of_other_rows_are_not_null(sparse: World):
    others = {name: np.roll(column, 17) if name in COUNTS else column for name, column in sparse.columns.items()}
    online = sparse.online_if(sparse.score(others), sparse.bad)
    found = find_causes(sparse.counterfactual(online, most=600, control=100), kinds=FEW)

    assert [one.kind for one in found.causes] == ["unexplained"]
    assert found.causes[0].share == 1.0
    null = next(one for one in found.tried if describe(one.hypothesis) == "family counts null")
    assert null.explained_rate > 0.2
    assert null.outcome == "partial"


def test_counts_that_were_null_are(sparse: World):
    online = sparse.online_if(sparse.score(null_columns(sparse.columns, COUNTS)), sparse.bad)
    found = find_causes(sparse.counterfactual(online, most=600, control=100), kinds=FEW)

    assert [(one.kind, one.families) for one in found.causes] == [("null_features", ("counts",))]


@pytest.mark.parametrize(("left_for_each", "is_named"), [(1.9, True), (2.1, False)])
def test_a_lag_that_leaves_twice_what_it_explains_is_no_cause(world: World, left_for_each: float, is_named: bool):
    lag = 45 * 60_000_000
    online = world.online_if(
        world.score(stale_columns(world.columns, USER, world.entity, world.time_us, lag)), world.bad
    )
    replay = world.counterfactual(online, most=600, control=100)
    (verdict,) = measure(replay, [stale(replay, USER, lag)], replay.bad)
    assert verdict.rate > 0.9
    # As if online had answered most of these rows otherwise.
    count = int(len(replay.bad) / (1 + left_for_each))
    explained = np.arange(len(replay.bad)) < count
    replay.online[replay.bad[~explained]] += 0.1
    kept, left = without_exchanged(replay, [Explanation(verdict, ())], (), ~explained, 0.0)

    assert [one.verdict for one in kept] == ([verdict] if is_named else [])
    assert left.sum() == (len(explained) - count if is_named else len(explained))
