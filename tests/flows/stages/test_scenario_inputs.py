"""What Spark must compute for scenarios: where each need comes from, and the donors in the order of their keys."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest

from replay.config import Problem, ReplayConfig, build_config, expand_scenarios
from replay.flows.stages import scenario_inputs as module
from replay.flows.stages.scenario_inputs import (
    ScenarioInputs,
    condition_problems,
    draw_donors_of,
    plan_side,
    resolve_conditions,
)
from replay.scenarios import row_keys
from replay.spark.analysis import ExpressionNode
from replay.traffic import ComputedColumn, StaleColumn, WhereColumn
from tests.flows.case import config_data

TYPES = {**{f"x{place}": pa.float32() for place in range(3)}, "item": pa.int64()}
INPUTS = [
    {"name": "dense", "dtype": "float32", "features": ["x*"], "missing": 0.0},
    {"name": "item", "dtype": "int64", "feature": "item", "missing": 0},
]
HOME, SEARCH = "surface = 'home'", "surface = 'search'"
NO_SPARK: Any = None
TRAFFIC: Any = SimpleNamespace()


def config(scenarios: dict[str, Any]) -> ReplayConfig:
    return build_config(config_data(scenarios=scenarios, traffic__entity="surface", model__inputs=INPUTS), "/base")


def planned(scenarios: dict[str, Any]) -> ScenarioInputs:
    given = config(scenarios)
    return plan_side(given, expand_scenarios(given), TYPES, {})


def test_scenarios_that_need_no_other_row_need_nothing():
    scenarios = {"null": [{"op": "nulls", "features": ["x0"]}], "mixed": [{"op": "shuffle", "features": ["x1"]}]}
    assert planned(scenarios) == ScenarioInputs((), (), None)


def test_conditions_and_older_values_are_computed_once_each():
    found = planned(
        {
            "plain": [{"op": "nulls", "features": ["x0"]}],
            "home": [{"op": "nulls", "features": ["x0"]}, {"op": "nulls", "features": ["x1"], "where": HOME}],
            "late": [{"op": "stale", "features": ["x0", "item"], "lag": ["10s", "1min"], "where": HOME}],
            "again": [{"op": "stale", "features": ["item"], "lag": "10s", "where": SEARCH}],
        }
    )
    assert [column.where for column in found.where] == [HOME, SEARCH]
    assert [(column.feature, column.lag) for column in found.stale] == [
        ("x0", timedelta(seconds=10)),
        ("item", timedelta(seconds=10)),
        ("x0", timedelta(minutes=1)),
        ("item", timedelta(minutes=1)),
    ]
    names = [column.name for column in (*found.where, *found.stale)]
    assert len(set(names)) == len(names)
    # The first step that needs something is what a message can name.
    assert found.place == "scenarios.home[1]"


def test_a_step_that_reads_history_is_named_without_a_condition():
    step = {"op": "stale", "features": ["x0"], "lag": ["10s", "1min"]}
    found = planned({"late": [step]})
    assert found.place == "scenarios.late[0]"
    assert found.obstacle == "`scenarios.late[0]` takes older values, which only Spark brings"


class TestConditions:
    STEPS: ClassVar = {
        "home": [{"op": "nulls", "features": ["x0"]}, {"op": "nulls", "features": ["x1"], "where": HOME}],
        "dose": [{"op": "nulls", "features": ["x0"], "rate": [0.1, 0.5], "where": SEARCH}],
        "again": [{"op": "nulls", "features": ["x0"], "where": HOME}],
    }

    def resolved(self, monkeypatch: pytest.MonkeyPatch, steps: dict[str, Any], by_spark: str = "") -> ScenarioInputs:
        def resolve(_spark: Any, _traffic: Any, sql: str, place: str, name: str) -> ComputedColumn:
            tree = None if sql == by_spark else ExpressionNode("Literal", "literal", "boolean", value="true")
            return ComputedColumn(name, sql, pa.bool_(), (), place, tree, None if tree else "only Spark does")

        monkeypatch.setattr(module, "resolve_condition", resolve)
        given = config(steps)
        return resolve_conditions(NO_SPARK, TRAFFIC, planned(steps), expand_scenarios(given))

    def test_tasks_evaluate_them_each_once(self, monkeypatch: pytest.MonkeyPatch):
        found = self.resolved(monkeypatch, self.STEPS)
        assert found.obstacle is None
        assert [(column.sql, column.place) for column in found.conditions] == [
            (HOME, "scenarios.home[1].where"),
            (SEARCH, "scenarios.dose[0].where"),
        ]
        assert [column.name for column in found.conditions] == [column.name for column in found.where]

    def test_one_that_only_spark_evaluates_sends_all_to_it(self, monkeypatch: pytest.MonkeyPatch):
        found = self.resolved(monkeypatch, self.STEPS, by_spark=SEARCH)
        assert (found.obstacle, found.conditions) == ("`scenarios.dose[0].where`: only Spark does", ())

    def test_beside_older_values_none_is_looked_at(self, monkeypatch: pytest.MonkeyPatch):
        late = {"late": [{"op": "stale", "features": ["x0"], "lag": "10s"}]}
        found = self.resolved(monkeypatch, {**self.STEPS, **late}, by_spark=SEARCH)
        assert found.obstacle == "`scenarios.late[0]` takes older values, which only Spark brings"
        assert found.conditions == ()


def test_the_rows_come_with_what_was_planned(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "side_dataframe", lambda *given: given)
    inputs = ScenarioInputs(
        (WhereColumn("w", HOME),), (StaleColumn("s", "x0", timedelta(seconds=1)),), "scenarios.a[0]"
    )
    assert inputs.scan(NO_SPARK, TRAFFIC, ["x0"]) == (NO_SPARK, TRAFFIC, ["x0"], inputs.where, inputs.stale, ())


def test_every_condition_that_spark_refuses_is_told_at_its_place(monkeypatch: pytest.MonkeyPatch):
    """Once, though a list of rates makes several scenarios of one."""
    asked: list[tuple[str, str]] = []

    def side_problem(_spark: Any, _traffic: Any, where: str, path: str) -> Problem | None:
        asked.append((where, path))
        return None if where == HOME else Problem("cannot be resolved", path)

    monkeypatch.setattr(module, "side_problem", side_problem)
    given = config(
        {
            "dose": [{"op": "nulls", "features": ["x0"], "rate": [0.1, 0.5], "where": "nobody = 1"}],
            "fine": [{"op": "nulls", "features": ["x0"], "where": HOME}, {"op": "nulls", "features": ["x1"]}],
            "late": [
                {"op": "nulls", "features": ["x1"]},
                {"op": "nulls", "features": ["x0"], "where": "nothing"},
            ],
        }
    )
    found = condition_problems(NO_SPARK, TRAFFIC, expand_scenarios(given))
    assert [problem.path for problem in found] == ["scenarios.dose[0].where", "scenarios.late[1].where"]
    assert asked == [
        ("nobody = 1", "scenarios.dose[0].where"),
        (HOME, "scenarios.fine[0].where"),
        ("nothing", "scenarios.late[1].where"),
    ]


class TestDonors:
    def test_none_are_drawn_where_no_scenario_gives_values_of_others(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(module, "draw_donors", lambda *_: pytest.fail("drawn"))
        given = config({"null": [{"op": "nulls", "features": ["x0"]}]})
        assert draw_donors_of(NO_SPARK, TRAFFIC, given, expand_scenarios(given), TYPES) is None

    @pytest.mark.parametrize("cuts", [(), (2,), (1, 3)])
    def test_rows_are_in_the_order_of_their_keys(self, cuts: tuple[int, ...], monkeypatch: pytest.MonkeyPatch):
        """However Spark gives them: in one piece or in several."""
        rows = pa.table(
            {
                "request_id": ["d", "a", "c", "b"],
                "x1": pa.array([4.0, 1.0, None, 2.0], pa.float32()),
                "item": [40, 10, 30, 20],
            }
        )
        edges = [0, *cuts, rows.num_rows]
        drawn = pa.concat_tables([rows.slice(start, end - start) for start, end in pairwise(edges)])
        asked: list[Any] = []

        def draw(_spark: Any, _traffic: Any, features: Any, key: Any, most: int, seed: int) -> pa.Table:
            asked.append((features, key, most, seed))
            return drawn

        monkeypatch.setattr(module, "draw_donors", draw)
        given = config(
            {
                "a": [{"op": "shuffle", "features": ["item"]}, {"op": "nulls", "features": ["x0"]}],
                "b": [{"op": "shuffle", "features": ["x1", "item"]}],
            }
        )
        donors = draw_donors_of(NO_SPARK, TRAFFIC, given, expand_scenarios(given), TYPES)
        assert donors is not None
        assert asked == [(("item", "x1"), ("request_id",), module.MOST_DONORS, given.seed)]
        keys = row_keys([rows["request_id"].combine_chunks()])
        order = sorted(range(4), key=lambda row: keys[row])
        assert donors.keys.tolist() == sorted(keys.tolist())
        assert donors.keys.dtype == np.uint64
        assert donors.columns["item"].to_pylist() == [rows["item"].to_pylist()[row] for row in order]
        assert donors.columns["x1"].to_pylist() == [rows["x1"].to_pylist()[row] for row in order]
