"""Routes: exact shares, sticky rows, and scores of the member that a row goes to."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from replay.config import CheckpointConfig, ReplayConfig, RouteConfig
from replay.scenarios import row_keys
from replay.scoring.routes import (
    HashRoute,
    ServedRoute,
    as_text,
    pick,
    plan_routes,
    route_types,
    served_route,
    unknown_rows,
)
from tests.flows.case import config_data

ROWS = 20_000
KEYS = row_keys([pa.array(range(ROWS), pa.int64())])


def route(*shares: float, salt: int = 7) -> HashRoute:
    names = tuple(f"m{place}" for place in range(len(shares)))
    return HashRoute(names, tuple(shares), ("request_id",), salt)


def config(**routes: RouteConfig) -> ReplayConfig:
    data = config_data()
    data["checkpoints"] = {
        "prod": CheckpointConfig(path="prod.pt2"),
        "new": CheckpointConfig(path="new.pt2"),
        **routes,
    }
    return ReplayConfig.model_validate(data)


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.9, 0.1), (0.999, 0.001), (0.2, 0.3, 0.5), (1 / 7,) * 7])
@pytest.mark.parametrize("salt", [7, 8, 2**63])
def test_shares_are_exact_in_expectation(shares: tuple[float, ...], salt: int):
    chosen = route(*shares, salt=salt).assign_hashed(KEYS)
    for place, share in enumerate(shares):
        spread = math.sqrt(ROWS * share * (1 - share))
        assert abs(int((chosen == place).sum()) - ROWS * share) <= 5 * spread


def test_one_member_answers_everything():
    assert set(route(1.0).assign_hashed(KEYS).tolist()) == {0}


def test_the_same_value_goes_the_same_way_whatever_rows_are_beside_it():
    found = route(0.6, 0.4)
    whole = found.assign_hashed(KEYS)
    order = np.random.default_rng(0).permutation(ROWS)
    np.testing.assert_array_equal(found.assign_hashed(KEYS[order]), whole[order])
    np.testing.assert_array_equal(found.assign_hashed(KEYS[5:9]), whole[5:9])


def test_another_salt_is_another_independent_assignment():
    one, other = route(0.5, 0.5, salt=1).assign_hashed(KEYS), route(0.5, 0.5, salt=2).assign_hashed(KEYS)
    # Independent halves agree on half of the rows.
    assert abs(int((one == other).sum()) - ROWS / 2) <= 5 * math.sqrt(ROWS / 4)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 100), min_size=2, max_size=5), st.data())
def test_raising_a_share_only_moves_rows_to_that_member(parts: list[int], data: st.DataObject):
    raised = data.draw(st.integers(0, len(parts) - 1))
    shares = np.array(parts) / sum(parts)
    higher = data.draw(st.floats(0.0, 1.0)) * (1 - shares[raised]) + shares[raised]
    assume(shares[raised] < higher < 1)
    others = shares * (1 - higher) / (1 - shares[raised])
    others[raised] = higher
    before, after = route(*shares).assign_hashed(KEYS[:4000]), route(*others).assign_hashed(KEYS[:4000])
    moved = before != after
    assert set(after[moved].tolist()) <= {raised}


def test_three_members_keep_their_rows_when_one_takes_from_a_second_alone():
    """The other's share is the same: its rows may change, but never to the one that lost."""
    before, after = route(0.5, 0.3, 0.2).assign_hashed(KEYS), route(0.5, 0.2, 0.3).assign_hashed(KEYS)
    assert not ((after == 1) & (before != 1)).any()
    assert not ((before == 2) & (after != 2)).any()


def test_members_are_told_by_name_not_by_place():
    before = route(0.5, 0.5)
    after = HashRoute(("m1", "m0"), (0.5, 0.5), ("request_id",), before.salt)
    np.testing.assert_array_equal(before.assign_hashed(KEYS), 1 - after.assign_hashed(KEYS))


def test_a_route_is_planned_from_the_config():
    found = plan_routes(
        config(
            ramp=RouteConfig(route={"prod": 0.75, "new": 0.25}),
            salted=RouteConfig(route={"prod": 0.75, "new": 0.25}, by=("surface",), salt="a"),
        )
    )
    assert found["ramp"].members == ("prod", "new")
    assert found["ramp"].shares == (0.75, 0.25)
    assert found["ramp"].by == ("request_id",)
    assert found["salted"].by == ("surface",)
    assert found["ramp"].salt != found["salted"].salt
    assert "prod" not in found


def test_two_routes_of_one_salt_share_their_rows():
    """Ramps of one experiment: who is in at 10% is in at 50%."""
    found = plan_routes(
        config(
            ramp_10=RouteConfig(route={"prod": 0.9, "new": 0.1}), ramp_50=RouteConfig(route={"prod": 0.5, "new": 0.5})
        )
    )
    early, late = found["ramp_10"].assign_hashed(KEYS) == 1, found["ramp_50"].assign_hashed(KEYS) == 1
    assert not (early & ~late).any()
    assert early.any()


def test_a_route_answers_in_float64_where_a_member_does():
    routes = {"ramp": route(0.5, 0.5), "wide": HashRoute(("m0", "m2"), (0.5, 0.5), (), 0)}
    types = {"m0": pa.float32(), "m1": pa.float32(), "m2": pa.float64()}
    assert route_types(routes, types) == {"ramp": pa.float32(), "wide": pa.float64()}


VERSIONS = ["prod", "new", "gone", None, "prod"]


def served(**changes: object) -> ServedRoute:
    data = config_data(traffic__served_by={"column": "version", **changes})
    data["checkpoints"] = {
        "prod": {"path": "prod.pt2"},
        "new": {"path": "new.pt2"},
        "ramp": {"route": {"prod": 0.5, "new": 0.5}},
        "cast": {"from": "new", "cast": "float16"},
    }
    return served_route(ReplayConfig.model_validate(data))


def test_what_was_served_names_checkpoints_but_no_route():
    found = served()
    assert found.members == ("prod", "new", "cast")
    assert found.columns == ("version",)
    batch = pa.RecordBatch.from_pydict({"version": VERSIONS})
    np.testing.assert_array_equal(found.assign(batch), [0, 1, -1, -1, 0])


@pytest.mark.parametrize(
    "logged",
    [
        pa.array([18, 17, 19, None], pa.int16()),
        pa.array([18.0, 17.0, 19.0, None], pa.float64()),
        pa.array(["18", "17", "19", None]),
        pa.array(["18", "17", "19", None]).dictionary_encode(),
        pa.array([], pa.int64()),
    ],
    ids=["int", "float", "text", "dictionary", "no rows"],
)
def test_values_say_which_checkpoint_a_version_is(logged: pa.Array):
    found = served(values={"17": "new", "18": "cast"})
    assert found.members == ("new", "cast")
    np.testing.assert_array_equal(found.assign_values(logged), [1, 0, -1, -1][: len(logged)])


def test_versions_as_text():
    assert as_text(pa.array([1e22, 0.5, None])) == ["1e+22", "0.5", None]


def test_each_row_gets_the_answer_of_its_member():
    answers = [np.array([1.0, 2.0, 3.0], np.float32), np.array([10.0, 20.0, 30.0])]
    np.testing.assert_array_equal(pick(np.array([1, 0, -1]), answers), [10.0, 2.0, 3.0])
    many = [np.full(2, float(place)) for place in range(70)]
    np.testing.assert_array_equal(pick(np.array([69, 3]), many), [69.0, 3.0])


def test_rows_without_a_member_are_unknown_whichever_route_asks():
    places = [np.array([0, -1, 1]), np.array([0, 0, -1])]
    np.testing.assert_array_equal(unknown_rows(places, 3), [False, True, True])
    np.testing.assert_array_equal(unknown_rows([], 2), [False, False])


def test_routes_say_what_decides():
    assert served().describe() == "each row to the one of prod, new, cast that `version` names"
    assert route(0.75, 0.25).describe() == "each row to one of m0 0.75, m1 0.25, by request_id"
    assert served().sha256 != served(values={"17": "new"}).sha256
