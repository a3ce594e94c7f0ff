"""Features that matter, by numpy and by hand."""

from __future__ import annotations

import pickle

import numpy as np
import pyarrow as pa
import pytest
from scipy.special import logit

from replay.config import ReplayConfig
from replay.flows.audit.core import ScoreChanges, find_core, measure_changes
from replay.flows.audit.plan import CostPlan
from tests.flows.case import config_data


class _Rows:
    """A scores table in memory, whose rows come in several parts."""

    def __init__(self, table: pa.Table, parts: int) -> None:
        self.table, self.parts = table, parts

    def fold(self, columns, update, merge):
        batches = self.table.select(list(columns)).combine_chunks().to_batches()
        size = -(-self.table.num_rows // self.parts)
        return [update([batch.slice(start, size)]) for batch in batches for start in range(0, len(batch), size)]


PLAN = CostPlan("a", ("prod",), core={"x": "a.without.x", "y": "a.without.y"})


def _scores(seed: int = 0, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return tuple(np.clip(rng.beta(1, 20, 500), 1e-6, 1 - 1e-6) * scale for _ in range(3))


@pytest.mark.parametrize("parts", [1, 7])
def test_of_probabilities_the_logit_is_what_changes(parts: int):
    before, x, y = _scores()
    touched = np.arange(500) % 3 == 0
    table = pa.table({"prod": before, "prod/a.without.x": pa.array(x, mask=~touched), "prod/a.without.y": y})

    found = measure_changes(_Rows(table, parts), [PLAN])

    assert found["prod/a.without.x"] == pytest.approx(np.abs(logit(x) - logit(before))[touched].sum())
    assert found["prod/a.without.y"] == pytest.approx(np.abs(logit(y) - logit(before)).sum())


def test_of_other_scores_the_score_is_what_changes():
    before, x, y = _scores(scale=30.0)
    found = measure_changes(_Rows(pa.table({"prod": before, "prod/a.without.x": x, "prod/a.without.y": y}), 3), [PLAN])

    assert found["prod/a.without.x"] == pytest.approx(np.abs(x - before).sum())


def test_certain_rows_count_as_far_as_a_float32_tells_and_no_number_is_not_measured():
    state = ScoreChanges(2)
    state.update(0, np.array([0.0, 1.0]), np.array([0.5, 1.0]))
    state.update(1, np.array([0.5]), np.array([np.nan]))

    assert pickle.loads(pickle.dumps(state)).compute() == [pytest.approx(24 * np.log(2), rel=1e-6), None]
    assert measure_changes(_Rows(pa.table({}), 1), [CostPlan("a", ("prod",))]) == {}


def test_what_changes_a_rare_events_odds_matters_more_than_its_score_says():
    """From 0.001 to 0.01 is ten times the odds, from 0.5 to 0.52 next to nothing."""
    table = pa.table({"prod": [0.001, 0.5], "prod/a.without.x": [0.01, None], "prod/a.without.y": [None, 0.52]})
    changes = measure_changes(_Rows(table, 1), [PLAN])
    config = ReplayConfig.model_validate(config_data() | {"features": {"core": {"share": 0.9}}})

    assert find_core(config, [PLAN], "prod", ("x", "y"), changes) == ("x",)


def _core(config: dict, **changed: float):
    config = ReplayConfig.model_validate(config_data() | {"features": config})
    plan = CostPlan("a", ("prod",), core={name: f"a.without.{name}" for name in changed})
    changes = {f"prod/a.without.{name}": value for name, value in changed.items()}
    other = CostPlan("b", ("new",), core={"x0": "b.without.x0"})
    return find_core(config, [other, plan, CostPlan("c", ("prod",))], "prod", ("x0", "x1", "x2", "item"), changes)


def test_the_core_is_the_fewest_features_with_the_share():
    assert _core({"core": {"share": 0.9}}, x0=0.05, x1=0.6, x2=0.35, item=0.0) == ("x1", "x2")
    assert _core({"core": {"share": 1.0}}, x0=0.0, x1=0.6, x2=0.4, item=0.0) == ("x1", "x2")


def test_what_cannot_be_measured_is_in_the_core_and_names_are_taken_as_they_are():
    assert _core({"core": {"share": 0.5}}, x0=0.1, x1=0.9) == ("x1", "x2", "item")
    assert _core({"core": ["x*"]}) == ("x0", "x1", "x2")
