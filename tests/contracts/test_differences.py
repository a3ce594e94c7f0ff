from __future__ import annotations

import json
from typing import Any

import pytest

from replay.config.sections.model.contract import ModelConfig
from replay.contracts.differences import compare_contracts

DENSE = {"name": "dense", "features": ["I1", "I2", "I3"], "missing": 0.0}
COUNTRY = {"name": "country", "dtype": "int64", "feature": "country", "hash": {"buckets": 100}, "missing": 0}
SEEN = {"name": "seen", "dtype": "int64", "feature": "seen", "length": 50, "pad": 0, "missing": 0}


def contract(*inputs: dict[str, Any], **more: Any) -> ModelConfig:
    return ModelConfig.model_validate({"inputs": list(inputs or (DENSE, COUNTRY, SEEN)), **more})


def words(there: ModelConfig, here: ModelConfig | None = None) -> list[str]:
    return [one.words for one in compare_contracts(here or contract(), there).differences]


def test_a_contract_does_what_it_does():
    assert compare_contracts(contract(), contract(families={"counts": ["I1"]})).differences == ()


@pytest.mark.parametrize(
    ("changed", "key", "said"),
    [
        ({**DENSE, "missing": -1.0}, "missing", "input `dense`: `missing` is `0.0` in the first, `-1.0` in the second"),
        ({**DENSE, "features": ["I1", "I3", "I2"]}, "features", "another order: `I2` at place 1 is `I3` in the second"),
        ({**DENSE, "features": ["I1", "I2"]}, "features", "`features` differ: only the first has `I3`"),
        ({**DENSE, "transform": "log1p"}, "transform", "`transform` is not given in the first"),
        ({**COUNTRY, "hash": {"buckets": 100, "seed": 7}}, "hash", "seed: 7"),
        ({**SEEN, "length": 49}, "length", "`length` is `50` in the first, `49` in the second"),
    ],
)
def test_a_planted_difference_is_the_only_one(changed, key, said):
    inputs = [changed if entry["name"] == changed["name"] else entry for entry in (DENSE, COUNTRY, SEEN)]

    found = compare_contracts(contract(), contract(*inputs))

    (one,) = found.differences
    assert (one.input, one.key) == (changed["name"], key)
    assert said in one.words
    assert found.inputs == (changed["name"],)


def test_features_that_one_reads_and_the_other_lacks():
    found = compare_contracts(contract(DENSE, COUNTRY), contract({**DENSE, "features": ["I2", "I4"]}, SEEN))

    assert (found.only_here, found.only_there) == (("I1", "I3", "country"), ("I4", "seen"))
    assert [(one.input, one.key) for one in found.differences] == [
        ("dense", "features"), ("country", "input"), ("seen", "input")
    ]  # fmt: skip
    assert found.inputs == ("dense",)


def test_a_vocabulary_is_compared_by_what_it_holds(tmp_path):
    known = {"de": 1, "fr": 2, "it": 3}
    texts = {
        "first": known,
        "same": dict(reversed(known.items())),
        "shifted": {name: index + 1 for name, index in known.items()},
        "other": {"de": 1, "fr": 9, "es": 3, "pt": 4},
    }
    models = {}
    for name, text in texts.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(text))
        looked_up = {**COUNTRY, "hash": None, "vocabulary": str(tmp_path / f"{name}.json"), "unknown": 0}
        models[name] = contract({key: value for key, value in looked_up.items() if value is not None})

    assert words(models["same"], models["first"]) == []
    assert words(models["shifted"], models["first"]) == [
        "input `country`: `vocabulary` differs: 3 values have another index, all by +1 (`de`, `fr`, `it`)"
    ]
    assert words(models["other"], models["first"]) == [
        "input `country`: `vocabulary` differs: 1 values only in the first (`it`); 2 values only in the second (`es`, "
        "`pt`); 1 values have another index, all by +7 (`fr`)"
    ]


def test_the_call_the_output_and_the_order_of_inputs():
    found = words(contract(COUNTRY, DENSE, SEEN, call="dict", output={"transform": "sigmoid"}))

    assert found[0] == "forward() is called positional and dict"
    assert found[1].startswith("`output.transform` is not given in the first")
    assert found[2] == "inputs come in another order: `dense` at place 0 is `country` in the second"
