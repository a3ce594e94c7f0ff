from __future__ import annotations

import json

import pytest

from replay.config.sections.model.contract import ModelConfig
from replay.contracts.fingerprint import contract_fingerprint
from replay.errors import ConfigError


def contract(vocabulary: str = "", **changes: object) -> ModelConfig:
    dense = {"name": "dense", "features": ["I1", "I2"], "missing": {"I1": 1.0, "*": 0.0}}
    country = {"name": "country", "dtype": "int64", "feature": "country"}
    country |= {"vocabulary": vocabulary, "unknown": 0} if vocabulary else {"hash": {"buckets": 100}}
    return ModelConfig.model_validate(
        {"inputs": [{**dense, **changes.pop("dense", {})}, {**country, **changes.pop("country", {})}], **changes}
    )


BASE = contract_fingerprint(contract())


@pytest.mark.parametrize(
    "changes",
    [
        {"dense": {"features": ["I2", "I1"]}},
        {"dense": {"missing": {"I1": 1.0, "*": -1.0}}},
        {"dense": {"missing": {"I2": 1.0, "*": 0.0}}},
        {"dense": {"dtype": "float64"}},
        {"dense": {"transform": "log1p"}},
        {"dense": {"name": "numbers"}},
        {"country": {"hash": {"buckets": 101}}},
        {"country": {"hash": {"buckets": 100, "seed": 1}}},
        {"country": {"offset": 1}},
        {"output": {"transform": "sigmoid"}},
        {"call": "dict"},
    ],
)
def test_what_changes_a_tensor_or_a_score_changes_it(changes):
    assert contract_fingerprint(contract(**changes)) != BASE


@pytest.mark.parametrize(
    "changes", [{"families": {"counts": ["I1"]}}, {"call": "positional"}, {"dense": {"dtype": "float32", "pad": None}}]
)
def test_what_changes_nothing_does_not(changes):
    assert contract_fingerprint(contract(**changes)) == BASE


def test_a_vocabulary_counts_by_what_it_holds(tmp_path):
    for name, text in {
        "mapping": '{"de": 1, "fr": 2}',
        "turned": '{"fr": 2,\n "de": 1}',
        "list": '["x", "de", "fr"]',
        "shifted": '{"de": 2, "fr": 3}',
    }.items():
        (tmp_path / f"{name}.json").write_text(text)
    found = {
        name: contract_fingerprint(contract(str(tmp_path / f"{name}.json")))
        for name in ("mapping", "turned", "list", "shifted")
    }

    assert found["mapping"] == found["turned"]
    assert len(set(found.values())) == 3
    before = found["mapping"]
    (tmp_path / "mapping.json").write_text(json.dumps({"de": 1, "fr": 2, "it": 3}))
    assert contract_fingerprint(contract(str(tmp_path / "mapping.json"))) != before


def test_globs_count_as_they_are_written():
    assert contract_fingerprint(contract(dense={"features": ["I*"]})) != BASE


def test_a_vocabulary_that_is_not_there_is_told_with_its_place(tmp_path):
    with pytest.raises(ConfigError, match="cannot read the vocabulary") as told:
        contract_fingerprint(contract(str(tmp_path / "none.json")))

    assert told.value.problems[0].path == "model.inputs[1].vocabulary"
