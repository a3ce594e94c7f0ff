"""What is replayed to cost differences, by hand."""

from __future__ import annotations

import pyarrow as pa
import pytest

from replay.audit.kinds.find import Difference
from replay.config import AuditConfig, ReplayConfig
from replay.flows.audit.name_differences import NamedDifference
from replay.flows.audit.plan import CORE_ROWS, plan_costs, values_of_source, with_plans
from tests.flows.case import config_data


def _config(**changes) -> ReplayConfig:
    sources = {"served": {"path": "served", "key": ["request_id"]}}
    return ReplayConfig.model_validate(
        config_data() | {"sources": sources, "audits": {"a": {"against": "served"}}} | changes
    )


def _differences(**rows: int) -> list[NamedDifference]:
    return [NamedDifference(name, count, Difference("other"), absent=name == "x2") for name, count in rows.items()]


SERVED = values_of_source("served")
SCHEMA = pa.schema([("request_id", pa.int64()), ("surface", pa.string())])
FAMILIES = {"dense": ("x0", "x1", "x2"), "one": ("x0",)}


def _plan(differences, audit=None, refused=None, nullable=(), config=None):
    audit = audit or AuditConfig(against="served")
    return plan_costs("a", audit, config or _config(), differences, FAMILIES, refused or {}, nullable, 1000, SERVED)


def test_features_families_and_all_have_a_scenario_each():
    plan = _plan(_differences(x0=10, x1=20, x2=1000))

    assert plan.features == {"x2": "a.x2", "x1": "a.x1", "x0": "a.x0"}
    assert plan.families == {"dense": "a.family.dense"}
    assert plan.together == "a.all"
    assert plan.variant("a.x0") == "prod/a.x0"
    assert [(step.op, step.features) for step in plan.steps["a.all"]] == [("from", ("x0", "x1")), ("nulls", ("x2",))]
    assert plan.steps["a.x0"][0].arguments.source == "served"
    assert plan.rows == 10 + 20 + 1000 + 1000 + 1000


def test_what_the_model_cannot_be_given_is_left_out():
    plan = _plan(_differences(x0=10, x1=20), refused={"x1": "it is text"})

    assert set(plan.features) == {"x0"}
    assert plan.families == {}
    assert plan.steps["a.all"][0].features == ("x0",)
    assert plan.refused == {"x1": "it is text"}


def test_without_a_difference_nothing_is_replayed():
    plan = _plan([])

    assert (plan.together, plan.steps, plan.rows) == (None, {}, 0)


def test_a_name_that_is_taken_gets_a_number_and_odd_signs_go():
    config = _config(scenarios={"a.all": [{"op": "nulls", "features": ["x0"]}]})
    plan = plan_costs("a", AuditConfig(against="served"), config, _differences(**{"x 0": 5}), {}, {}, (), 1000, SERVED)

    assert plan.together == "a.all_2"
    assert plan.features == {"x 0": "a.x_0"}


def test_the_core_is_measured_on_some_rows():
    plan = plan_costs("a", AuditConfig(against="served"), _config(), [], {}, {}, ("x0",), 4 * CORE_ROWS, SERVED)

    (step,) = plan.steps["a.without.x0"]
    assert (step.op, step.features, step.only_rate) == ("nulls", ("x0",), 0.25)


def test_the_run_has_the_users_scenarios_too_and_all_checkpoints():
    config = _config(
        checkpoints={"prod": {"path": "prod.pt2"}, "new": {"path": "new.pt2"}},
        scenarios={"mine": [{"op": "nulls", "features": ["x0"]}]},
    )
    plan = _plan(_differences(x0=10), AuditConfig(against="served", checkpoints=("new",)), config=config)

    costing, share = with_plans(config, [plan], 10_000, SCHEMA)

    assert list(costing.scenarios) == ["mine", "a.x0", "a.all"]
    assert costing.scenario_checkpoints == ("prod", "new")
    assert share is None
    assert costing.traffic == config.traffic


@pytest.mark.parametrize(("group", "column"), [(None, "request_id"), ("surface", "surface")])
def test_beyond_the_budget_a_share_of_the_rows_is_costed_and_nothing_else_is_sampled(group, column):
    traffic = {**config_data()["traffic"], "key": ["request_id"], **({} if group is None else {"group": group})}
    mine = {"mine": [{"op": "nulls", "features": ["x0"]}]}
    config = _config(traffic=traffic, scenarios=mine)
    plan = _plan(_differences(x0=500), nullable=("x0",), config=config)

    costing, share = with_plans(config, [plan], 100, SCHEMA)

    assert share.rate == pytest.approx(0.1)  # of 500 rows alone and 500 with all others
    assert (share.threshold + 2**63) / 2**64 == pytest.approx(0.1)
    assert share.where == f"xxhash64(`{column}`) < {share.threshold}L"
    assert costing.traffic == config.traffic
    conditions = {name: [step.where for step in steps] for name, steps in costing.scenarios.items()}
    assert conditions == {"mine": [None], "a.x0": [share.where], "a.all": [share.where], "a.without.x0": [None]}


@pytest.mark.parametrize(("by", "whole"), [(["surface"], 1.0), (["request_id"], 0.5), ([], 0.5)])
def test_a_share_of_a_sample_is_of_its_own_hashes(by, whole):
    """A sample by the same columns has their lowest hashes alone; one by others has any."""
    traffic = {**config_data()["traffic"], "key": ["request_id"], "sample": {"rate": 0.5, "by": by}}
    config = _config(traffic=traffic)

    _, share = with_plans(config, [_plan(_differences(x0=500), config=config)], 100, SCHEMA)

    assert share.rate == pytest.approx(0.1)
    assert (share.threshold + 2**63) / 2**64 == pytest.approx(0.1 * whole)
