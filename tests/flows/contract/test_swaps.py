from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from replay.config import ReplayConfig, build_config
from replay.config.sections.model.contract import ModelConfig
from replay.errors import CheckpointMismatch, ConfigError, Problem, TrafficError
from replay.flows.contract.swaps import measure_costs, swap_config, swapped_contracts
from replay.report.summary import Summary
from tests.report import sample

INPUTS = [
    {"name": "dense", "features": ["a", "b"], "missing": 0.0},
    {"name": "item", "dtype": "int64", "feature": "item", "hash": {"buckets": 50}, "missing": 0},
]
OTHER = [{**INPUTS[0], "missing": -1.0}, {**INPUTS[1], "hash": {"buckets": 50, "seed": 3}}]


def config(folder: Path, **more: Any) -> ReplayConfig:
    data = {
        "version": 1,
        "traffic": {"path": "traffic", "key": ["id"], "score": "score", "label": "label", "served_by": "version"},
        "model": {"inputs": INPUTS},
        "checkpoints": {"prod": {"path": "prod.pt2"}, "half": {"from": "prod", "cast": "float16"}},
        "baseline": "prod",
        "scenarios": {"nulls": [{"op": "nulls", "features": ["a"]}]},
        "gates": [{"variant": "prod", "against": "online", "metric": "mismatch_rate", "max": 0.1}],
        "output": "out",
        **more,
    }
    return build_config(data, folder)


def model(*inputs: dict[str, Any], **more: Any) -> ModelConfig:
    return ModelConfig.model_validate({"inputs": list(inputs), **more})


def test_each_difference_is_swapped_alone_and_then_all():
    here, there = model(*INPUTS), model(*OTHER, output={"transform": "sigmoid"})

    found = swapped_contracts(here, there)

    assert list(found) == ["dense", "item", "output", "all"]
    assert found["dense"].inputs == (there.inputs[0], here.inputs[1])
    assert found["item"].inputs == (here.inputs[0], there.inputs[1])
    assert (found["output"].inputs, found["output"].output) == (here.inputs, there.output)
    assert found["all"].inputs == there.inputs
    assert found["dense"].output == here.output


def test_one_difference_is_not_said_twice_and_inputs_of_one_side_are_not_swapped():
    assert list(swapped_contracts(model(*INPUTS), model(OTHER[0], INPUTS[1]))) == ["dense"]
    assert list(swapped_contracts(model(INPUTS[0]), model(OTHER[0], OTHER[1]))) == ["dense"]


def test_a_swap_is_a_checkpoint_with_a_contract_of_its_own(tmp_path):
    there = model(*OTHER)

    made = swap_config(config(tmp_path), "prod", {"swap_0": there})

    assert made.file_checkpoints["swap_0"].model == there
    assert made.file_checkpoints["swap_0"].path == str(tmp_path / "prod.pt2")
    assert (made.baseline, list(made.checkpoints)) == ("prod", ["prod", "swap_0"])
    assert (made.scenarios, made.gates, made.traffic.served_by) == ({}, (), None)
    assert made.output == str(tmp_path / "out" / "contract")


def summary(**variants: float) -> Summary:
    made = {
        name: sample.variant(
            None, vs_baseline=sample.comparison(100, 9, mean_abs=size, rows_changed=9, ne_increase=size)
        )
        for name, size in variants.items()
    }
    return sample.summary({"prod": sample.variant(None), **made})


def test_costs_are_those_of_the_run_by_input(tmp_path):
    found = measure_costs(
        config(tmp_path), "prod", model(*OTHER), lambda _: summary(swap_0=0.1, swap_1=0.2, swap_2=0.3)
    )

    assert {name: cost.mean_abs for name, cost in found.costs.items()} == {"dense": 0.1, "item": 0.2, "all": 0.3}
    assert found.costs["item"].changes["ne_increase"].value == 0.2
    assert found.costs["dense"].rows_changed == 9
    assert found.rows > 0


def test_a_swap_that_the_checkpoint_refuses_has_a_reason_and_the_others_a_cost(tmp_path):
    asked: list[list[str]] = []

    def run(made: ReplayConfig) -> Summary:
        asked.append(list(made.checkpoints))
        if "swap_1" in made.checkpoints:
            raise CheckpointMismatch("checkpoint 'swap_1': index out of range\nand more")
        return summary(swap_0=0.1, swap_2=0.3)

    found = measure_costs(config(tmp_path), "prod", model(*OTHER), run)

    assert asked == [["prod", "swap_0", "swap_1", "swap_2"], ["prod", "swap_0", "swap_2"]]
    assert list(found.costs) == ["dense", "item", "all"]
    assert found.costs["item"].reason == "the checkpoint: index out of range"
    assert found.costs["dense"].mean_abs == 0.1


def test_of_several_that_are_refused_each_has_its_own_reason(tmp_path):
    def run(made: ReplayConfig) -> Summary:
        if "swap_1" in made.checkpoints:
            raise ConfigError(
                [Problem("index 40 of 20", "checkpoints.swap_1"), Problem("checkpoint 'swap_2': index 41 of 20\n...")]
            )
        return summary(swap_0=0.1)

    found = measure_costs(config(tmp_path), "prod", model(*OTHER), run)

    reasons = {name: cost.reason for name, cost in found.costs.items()}
    assert reasons == {"dense": None, "item": "index 40 of 20", "all": "the checkpoint: index 41 of 20"}


def test_rows_that_are_rejected_are_a_reason_and_what_else_fails_is_an_error(tmp_path):
    def rejects(made: ReplayConfig) -> Summary:
        if list(made.checkpoints) == ["prod"]:
            return summary()
        raise TrafficError("more rows are rejected than may be")

    found = measure_costs(config(tmp_path), "prod", model(*OTHER), rejects)
    assert {cost.reason for cost in found.costs.values()} == {"more rows are rejected than may be"}

    def refuses(_: ReplayConfig) -> Summary:
        raise CheckpointMismatch("checkpoint 'prod': another model")

    with pytest.raises(CheckpointMismatch, match="another model"):
        measure_costs(config(tmp_path), "prod", model(*OTHER), refuses)


def test_traffic_that_is_refused_as_it_is_is_no_reason_but_an_error(tmp_path):
    def refuses(_: ReplayConfig) -> Summary:
        raise TrafficError("part-0.parquet is no Parquet file")

    with pytest.raises(TrafficError, match="no Parquet file"):
        measure_costs(config(tmp_path), "prod", model(*OTHER), refuses)


def test_inputs_of_one_side_alone_are_no_silence_but_a_reason(tmp_path):
    renamed = model({**INPUTS[0], "name": "numbers"}, INPUTS[1])

    found = measure_costs(config(tmp_path), "prod", renamed, lambda _: summary())

    assert found.costs == {}
    assert found.reason == "inputs that only one of the two has cannot be swapped, and no other differs"
    assert measure_costs(config(tmp_path), "prod", model(*INPUTS), lambda _: summary()).reason is None


def test_only_a_file_can_read_by_another_contract(tmp_path):
    found = measure_costs(config(tmp_path), "half", model(*OTHER), lambda _: summary())

    assert found.costs == {}
    assert found.reason is not None
    assert "`half` is no file" in found.reason
