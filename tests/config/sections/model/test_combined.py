from __future__ import annotations

from replay.config.sections.model.combined import combined, contract_path
from replay.config.sections.model.contract import ModelConfig

MAIN = ModelConfig.model_validate(
    {"inputs": [{"name": "dense", "features": ["a"]}], "families": {"counts": ["a"], "mine": ["a"]}}
)
OWN = ModelConfig.model_validate(
    {
        "call": "dict",
        "inputs": [
            {"name": "dense", "features": ["b"]},
            {"name": "seen", "feature": "s", "pad": 0},
            {"name": "mask", "mask_of": "seen"},
            {"name": "lengths", "dtype": "int64", "lengths_of": "seen"},
        ],
        "families": {"counts": ["b", "a"]},
    }
)


def test_a_contract_alone_is_itself():
    assert combined({None: MAIN}) is MAIN


def test_inputs_have_names_of_their_own_and_families_all_members():
    both = combined({None: MAIN, "l1": OWN})

    assert [entry.name for entry in both.inputs] == ["dense", "l1/dense", "l1/seen", "l1/mask", "l1/lengths"]
    assert [both.inputs[3].mask_of, both.inputs[4].lengths_of] == ["l1/seen", "l1/seen"]
    assert both.families == {"counts": ("a", "b"), "mine": ("a",)}
    assert ModelConfig.model_validate(both.model_dump()) == both


def test_a_contract_of_a_checkpoint_alone_is_renamed_as_well():
    assert [entry.name for entry in combined({"l1": MAIN}).inputs] == ["l1/dense"]


def test_where_a_config_has_it():
    assert [contract_path(None), contract_path("l1")] == ["model", "checkpoints.l1.model"]
