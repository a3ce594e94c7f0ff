"""``replay row``: one row from what was logged to every score, by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
import torch
from pyspark.sql import SparkSession

from replay.checkpoints import FunctionScorer
from replay.config import ModelConfig, ReplayConfig, build_config, load_config
from replay.errors import TrafficError, UsageError
from replay.flows import row as module
from replay.flows.incidents.row_causes import CauseScore
from replay.flows.row import ExplainedRow, _as_called, explain_row
from replay.flows.stages.scenario_inputs import ScenarioInputs
from replay.scoring import Carried
from tests.flows.case import expected_scores, make_table, write_case
from tests.scoring.making import DENSE, weighted, work

EXPLAINED = ExplainedRow(
    key={"request_id": "r1", "item_id": 7},
    logged={"label": 1, "surface": None},
    features={"price": 2.5, "ids": list(range(60))},
    rejected=None,
    tensors={"dense": [2.5]},
    online=0.25,
    replayed={"prod": 0.5, "prod/null": None, "next": 0.125},
)


def test_on_a_terminal_every_value_has_its_line():
    lines = EXPLAINED.render().splitlines()
    shortened = next(line for line in lines if line.startswith("  ids = "))
    assert shortened.endswith("...")
    assert len(shortened) == len("  ids = ") + 100
    lines.remove(shortened)
    assert lines == [
        "key",
        "  request_id = r1",
        "  item_id = 7",
        "logged",
        "  label = 1",
        "  surface = null",
        "features",
        "  price = 2.5",
        "tensors",
        "  dense = [2.5]",
        "scores",
        "  online = 0.25",
        "  prod = 0.5  (replayed - online = +0.25)",
        "  prod/null = not touched: its checkpoint's score holds",
        "  next = 0.125  (replayed - online = -0.125)",
    ]


def test_lists_end_to_end_are_shown_as_the_model_gets_them():
    flat = {"name": "ids", "dtype": "int64", "feature": "clicked", "ragged": "flat"}
    inputs = [{"name": "x", "features": ["a"]}, flat, {"name": "offsets", "dtype": "int64", "offsets_of": "ids"}]
    tensors = {"x": torch.tensor([[1.5]]), "ids": torch.tensor([[7, 8, 0]]), "offsets": torch.tensor([2])}
    assert dict(_as_called(tensors, None, ModelConfig.model_validate({"inputs": inputs}))) == {
        "x": [1.5],
        "ids": [7, 8],
        "offsets": [0],
    }


def test_text_is_shown_as_text():
    inputs = [
        {"name": "c", "dtype": "string", "feature": "a"},
        {"name": "d", "dtype": "string", "features": ["a", "b"]},
    ]
    tensors = {"c": torch.tensor([[79, 107]]), "d": torch.tensor([[[79, 107], [97, 0]]])}
    tensors = {name: tensor.to(torch.uint8) for name, tensor in tensors.items()}
    assert dict(_as_called(tensors, None, ModelConfig.model_validate({"inputs": inputs}))) == {
        "c": "Ok",
        "d": ["Ok", "a"],
    }


def test_a_cause_comes_with_what_it_cannot_be_told_from():
    causes = (
        CauseScore(1, 1, "price null", 0.25, "price null or zero: the same."),
        CauseScore(1, 2, "checkpoint next answered", None, "not shown, as the cause does not touch the row"),
    )
    lines = replace(EXPLAINED, causes=causes).render().splitlines()
    assert lines[-2:] == [
        "  incident 1, price null = 0.25  (replayed - online = +0)",
        "    price null or zero: the same.",
    ]


def test_a_row_without_an_online_score_has_no_difference():
    shown = ExplainedRow({"id": 1}, {}, {}, None, {}, None, {"prod": 1 / 3}).render()
    assert shown.endswith("scores\n  online = null\n  prod = 0.333333333")


def test_a_rejected_row_ends_with_its_reason():
    shown = ExplainedRow({"id": 1}, {}, {"a": None}, "null_without_default", {"dense": [0.0]}, 0.5, {}).render()
    assert shown.splitlines()[-2:] == ["  a = null", "rejected: null_without_default"]


def test_in_json_it_is_the_same_fields():
    data = json.loads(json.dumps(EXPLAINED.to_dict(), allow_nan=False))
    assert list(data) == [
        "key",
        "logged",
        "features",
        "rejected",
        "tensors",
        "online",
        "replayed",
        "causes",
        "sources",
        "changed",
    ]
    assert data["replayed"] == {"prod": 0.5, "prod/null": None, "next": 0.125}


LOGGED = {
    "id": pa.array([7], pa.int64()),
    "a": pa.array([1.0], pa.float32()),
    "b": pa.array([None], pa.float32()),
    "c": pa.array([3.0], pa.float32()),
    "score": pa.array([300.0]),
    "label": pa.array([1]),
}


def config(**changes: Any) -> ReplayConfig:
    return build_config(
        {
            "version": 1,
            "traffic": {"path": "t", "key": ["id"], "score": "score", "label": "label"},
            "model": {"inputs": [{**DENSE, **changes}]},
            "checkpoints": {"prod": {"path": "p"}},
            "output": "o",
        },
        "/base",
    )


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The table's one row; prod answers a + 10 b + 100 c, with -1 for a null."""
    columns = dict(LOGGED)
    carried = (
        Carried("id", pa.int64(), "key"),
        Carried("score", pa.float64(), "number"),
        Carried("label", pa.float64(), "number"),
    )
    scenarios = {
        "c_null": [{"op": "nulls", "features": ["c"]}],
        "never": [{"op": "nulls", "features": ["c"], "rate": 1e-12}],
    }

    def prepare(config: ReplayConfig, *_: Any, progress: Any) -> Any:
        return SimpleNamespace(
            spark=None,
            checkpoints={"prod": "examined"},
            traffic=SimpleNamespace(location="/data/t"),
            plan=SimpleNamespace(columns=tuple(columns), reader="direct", lookups=()),
            side=ScenarioInputs(),
            features=("a", "b", "c"),
            job=SimpleNamespace(work=work(scenarios, inputs=[dict(config.model.inputs[0])], carried=carried)),
        )

    monkeypatch.setattr(module, "prepare", prepare)
    monkeypatch.setattr(module, "find_rows", lambda *_: pa.table(columns))
    monkeypatch.setattr(module, "cached_scorer", lambda *_: FunctionScorer(weighted))
    return columns


def test_a_row_is_followed_to_every_score(logged: dict[str, Any]):
    found = explain_row(config(), {"id": "7"})
    assert found == ExplainedRow(
        key={"id": 7},
        logged={"score": 300.0, "label": 1},
        features={"a": 1.0, "b": None, "c": 3.0},
        rejected=None,
        tensors={"dense": [1.0, -1.0, 3.0]},
        online=300.0,
        replayed={"prod": 291.0, "prod/c_null": -109.0, "prod/never": None},
    )


def test_a_row_that_the_model_refuses_has_no_scores(logged: dict[str, Any]):
    found = explain_row(config(missing=None), {"id": "7"})
    assert found.rejected == "null_without_default"
    assert found.replayed == {}
    assert found.features["b"] is None


def test_online_may_have_answered_nothing(logged: dict[str, Any]):
    logged["score"] = pa.array([None], pa.float64())
    found = explain_row(config(), {"id": "7"})
    assert found.online is None
    assert found.replayed["prod"] == 291.0


@pytest.mark.parametrize("key", [{}, {"idd": "7"}, {"id": "7", "label": "1"}])
def test_a_key_has_a_value_for_each_of_its_columns(key: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "prepare", lambda *_: pytest.fail("prepared"))
    with pytest.raises(UsageError) as caught:
        explain_row(config(), key)
    assert str(caught.value) == f"found --key for {', '.join(key)}, expected one for each of id"


def test_a_row_that_is_not_selected_is_named_with_its_table(logged: dict[str, Any], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "find_rows", lambda *_: pa.table(LOGGED).slice(0, 0))
    with pytest.raises(TrafficError) as caught:
        explain_row(config(), {"id": "7"})
    assert str(caught.value) == "no row with id=7 among those that the config selects from /data/t"


@pytest.mark.spark
def test_what_scenarios_need_from_other_rows_is_found_for_the_one_row(spark: SparkSession, tmp_path: Path):
    """A condition, and the value of the row before: both only Spark computes."""
    table = make_table(rows=4).append_column("user", pa.array(["u"] * 4))
    scenarios = {
        "home": [{"op": "nulls", "features": ["x2"], "where": "request_id = 'r000001'"}],
        "late": [{"op": "stale", "features": ["x2"], "lag": "100ms"}],
    }
    path = write_case(tmp_path, table, files=1, scenarios=scenarios, traffic__entity="user")
    found = explain_row(load_config(path), {"request_id": "r000002"})
    x2 = table["x2"].to_pylist()
    older = table.set_column(table.schema.get_field_index("x2"), "x2", pa.array([x2[0], x2[0], x2[1], x2[2]]))
    assert found.features["x2"] == x2[2]
    assert found.replayed["prod"] == pytest.approx(expected_scores(table)[2], abs=1e-6)
    assert found.replayed["prod/home"] is None
    assert found.replayed["prod/late"] == pytest.approx(expected_scores(older)[2], abs=1e-6)
