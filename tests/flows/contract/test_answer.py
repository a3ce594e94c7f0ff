from __future__ import annotations

import json

from replay.config.sections.model.contract import ModelConfig
from replay.contracts.differences import compare_contracts
from replay.contracts.parity import InputParity
from replay.flows.contract.answer import Against, ContractAnswer, SwapCost, TransformParity
from replay.metrics.value import MetricValue

A, B = (
    ModelConfig.model_validate({"inputs": [{"name": "x", "features": ["a"], "missing": value}]}) for value in (0.0, 1.0)
)
PLAIN = ContractAnswer("prod", "ab" * 32, ("x",), ("a",))


def against(other: ModelConfig) -> ContractAnswer:
    costs = {"x": SwapCost(0.25, 9, {"ne_increase": MetricValue(0.1, 0.05, 0.15, 9)})}
    found = Against("other.yaml", "cd" * 32, compare_contracts(A, other), 100, costs)
    return ContractAnswer("prod", "ab" * 32, ("x",), ("a",), found)


def test_contracts_differ_where_anything_does():
    assert [PLAIN.differs, against(A).differs, against(B).differs] == [False, False, True]


def test_code_differs_where_a_row_does_or_an_input_cannot_be_compared():
    def parity(different: int, problem: str | None) -> ContractAnswer:
        one = InputParity("x", 5, different, None, problem, ())
        return ContractAnswer("prod", "ab" * 32, ("x",), ("a",), None, TransformParity("m:f", 5, (one,)))

    assert [parity(0, None).differs, parity(1, None).differs, parity(0, "no").differs] == [False, True, True]


def test_it_is_json():
    data = json.loads(json.dumps(against(B).to_dict()))

    assert (data["version"], data["differs"], data["checkpoint"]) == (1, True, "prod")
    assert data["against"]["costs"]["x"]["changes"]["ne_increase"]["low"] == 0.05
    assert data["against"]["found"]["differences"][0]["there"] == 1.0
