from __future__ import annotations

from pathlib import Path

import pytest

from replay.config import CheckpointConfig, load_config
from replay.config.contract_files import read_contract
from replay.config.fingerprint import fingerprint, to_resolved_dict
from replay.config.load import build_config
from replay.errors import ConfigError

CONFIG = """
version: 1
traffic: {path: traffic, key: [id], score: score}
model: {inputs: [{name: dense, features: [a]}]}
checkpoints:
  prod: {path: prod.pt2}
  l1: {path: l1.pt2, model: contracts/l1.yaml}
output: out
"""
SECTION = "inputs:\n  - {name: ids, dtype: int64, feature: item, vocabulary: items.json, unknown: 0}\n"


def write(folder: Path, contract: str, config: str = CONFIG) -> Path:
    (folder / "contracts").mkdir(exist_ok=True)
    (folder / "contracts" / "l1.yaml").write_text(contract)
    (folder / "replay.yaml").write_text(config)
    return folder / "replay.yaml"


@pytest.mark.parametrize(
    "contract",
    [SECTION, "model:\n  " + SECTION.replace("\n", "\n  ").strip(), CONFIG.replace("features: [a]", "features: [b]")],
)
def test_a_file_holds_the_section_or_has_one(tmp_path, contract):
    config = load_config(write(tmp_path, contract))

    own = config.file_checkpoints["l1"].model
    assert own is not None
    assert own != config.model
    assert config.contracts == {None: config.model, "l1": own}
    for entry in own.inputs:
        assert entry.vocabulary in (None, str(tmp_path / "contracts" / "items.json"))


def test_what_a_file_says_is_what_the_config_holds(tmp_path):
    config = load_config(write(tmp_path, SECTION))
    inline = CONFIG.replace(
        "contracts/l1.yaml",
        "{" + "inputs: [{name: ids, dtype: int64, feature: item, vocabulary: contracts/items.json, unknown: 0}]}",
    )
    same = load_config(write(tmp_path, SECTION, inline))

    assert same.checkpoints == config.checkpoints
    assert fingerprint(same) == fingerprint(config)
    again = build_config(to_resolved_dict(config))
    assert again.contracts == config.contracts
    without = load_config(write(tmp_path, SECTION, CONFIG.replace(", model: contracts/l1.yaml", "")))
    assert fingerprint(without) != fingerprint(config)
    assert without.contracts == {None: without.model}


def test_a_config_without_such_a_checkpoint_has_the_fingerprint_that_it_had():
    plain = {
        "version": 1,
        "traffic": {"path": "/traffic", "key": ["id"], "score": "score"},
        "model": {"inputs": [{"name": "dense", "features": ["a"]}]},
        "checkpoints": {"prod": {"path": "/prod.pt2"}},
        "output": "/out",
    }
    assert "model" not in {
        key for key, value in to_resolved_dict(build_config(plain))["checkpoints"]["prod"].items() if value
    }


def test_checkpoints_with_one_contract_share_it(tmp_path):
    three = CONFIG.replace(
        "output:",
        "  l2: {path: l2.pt2, model: contracts/l1.yaml}\n"
        "  same: {path: p.pt2, model: {inputs: [{name: dense, features: [a]}]}}\noutput:",
    )

    config = load_config(write(tmp_path, SECTION, three))

    assert {name: entry.owner for name, entry in config.file_checkpoints.items()} == {
        "prod": None, "l1": "l1", "l2": "l1", "same": None
    }  # fmt: skip
    assert [entry.name for entry in config.encoded_model.inputs] == ["dense", "l1/ids"]


def test_the_config_s_own_contract_is_not_encoded_where_nobody_reads_by_it(tmp_path):
    alone = CONFIG.replace("  prod: {path: prod.pt2}\n", "")

    config = load_config(write(tmp_path, SECTION, alone))

    assert [entry.name for entry in config.encoded_model.inputs] == ["l1/ids"]


@pytest.mark.parametrize(
    ("contract", "message"),
    [
        ("inputs: [{name: x, dtype: float12, feature: a}]", "line 1: `inputs[0].dtype`: found 'float12', expected"),
        ("model:\n  inputs:\n  - {name: x, feature: a, dtyp: int64}", "line 3: `model.inputs[0].dtyp`: unknown key;"),
        ("model: [1]", "line 1: `model.inputs`: required key is missing"),
        ("inputs: [", "line 1"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_told_with_its_line(tmp_path, contract, message):
    path = write(tmp_path, contract)

    with pytest.raises(ConfigError) as told:
        load_config(path)

    (problem,) = told.value.problems
    assert problem.path == "checkpoints.l1.model"
    assert problem.line == 7
    assert str(tmp_path / "contracts" / "l1.yaml") in problem.message
    assert message in problem.message


def test_a_file_that_is_not_there(tmp_path):
    section, problems = read_contract(str(tmp_path / "none.yaml"))

    assert section == {}
    assert "none.yaml" in problems[0]


def test_only_a_file_takes_the_name_of_a_file():
    with pytest.raises(ValueError, match="found the name of a file"):
        CheckpointConfig(path="l1.pt2", model="l1.yaml")


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ("  mix: {splice: {'tower.*': l1, '*': prod}}\noutput: out", "checkpoints.mix.splice"),
        (
            "  cast: {from: l1, cast: bfloat16}\n  mix: {splice: {'tower.*': cast, '*': prod}}\noutput: out",
            "checkpoints.mix.splice",
        ),
        ("skew_matrix: {modules: {query: [prod, l1], item: [prod, l1]}}\noutput: out", "skew_matrix"),
    ],
)  # fmt: skip
def test_a_model_is_made_of_checkpoints_with_one_contract(tmp_path, more, path):
    with pytest.raises(ConfigError) as told:
        load_config(write(tmp_path, SECTION, CONFIG.replace("output: out", more)))

    found = {problem.path: problem.message for problem in told.value.problems}
    assert "read rows by different contracts" in found[path]


def test_what_is_made_of_a_checkpoint_reads_as_it_does(tmp_path):
    made = "  half: {from: l1, cast: float16}\n  mix: {splice: {'*': half}}\n  ramp: {route: {mix: 1.0}}\noutput: out"
    config = load_config(write(tmp_path, SECTION, CONFIG.replace("output: out", made)))

    own = config.file_checkpoints["l1"].model
    assert [config.contract_of(name) == own for name in ("prod", "l1", "half", "mix", "ramp")] == [False, *[True] * 4]


def test_a_route_may_go_between_contracts(tmp_path):
    more = CONFIG.replace("output: out", "  ramp: {route: {prod: 0.5, l1: 0.5}}\noutput: out")

    assert load_config(write(tmp_path, SECTION, more)).contracts.keys() == {None, "l1"}
