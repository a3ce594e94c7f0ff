from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from replay.config.sections.model.contract import ModelConfig
from replay.contracts.fingerprint import contract_fingerprint
from replay.contracts.stamp import Stamp, StampError, read_stamp, stamp_place, stamp_problem, write_stamp

DENSE = {"name": "dense", "features": ["I1", "I2"], "missing": {"I1": 3.5, "*": 0.0}}
SHA = "ab" * 32


def contract(*inputs: dict[str, Any], **more: Any) -> ModelConfig:
    return ModelConfig.model_validate({"inputs": list(inputs or (DENSE,)), **more})


@pytest.fixture
def checkpoint(tmp_path: Path) -> str:
    path = tmp_path / "prod.pt2"
    path.write_bytes(b"weights")
    return str(path)


def test_what_is_written_is_read_and_the_checkpoint_stays(checkpoint):
    stamp = Stamp.of(SHA, contract())

    assert write_stamp(checkpoint, stamp) == f"{checkpoint}.contract.json"
    assert read_stamp(checkpoint) == stamp
    assert Path(checkpoint).read_bytes() == b"weights"
    told = json.loads(Path(f"{checkpoint}.contract.json").read_text())
    assert list(told) == ["version", "checkpoint_sha256", "contract_sha256", "contract"]
    assert told["contract_sha256"] == contract_fingerprint(contract())


def test_without_a_stamp_and_with_a_fitting_one_there_is_no_problem(checkpoint):
    assert read_stamp(checkpoint) is None
    assert stamp_problem(checkpoint, SHA, contract()) is None
    write_stamp(checkpoint, Stamp.of(SHA, contract()))
    assert stamp_problem(checkpoint, SHA, contract()) is None
    assert stamp_problem(checkpoint, SHA, contract(families={"counts": ["I1"]})) is None


def test_the_first_difference_is_named(checkpoint):
    write_stamp(checkpoint, Stamp.of(SHA, contract()))
    changed = contract({**DENSE, "missing": 0.0}, output={"transform": "sigmoid"})

    problem = stamp_problem(checkpoint, SHA, changed)

    assert problem == (
        "was stamped with another contract than the config's: input `dense`: `missing` is {I1: `3.5`, *: `0.0`} in "
        "its stamp, `0.0` in the config (and 1 more)"
    )


def test_a_vocabulary_with_other_entries_is_another_contract(checkpoint, tmp_path):
    looked_up = {"name": "c", "dtype": "int64", "feature": "c", "vocabulary": str(tmp_path / "c.json"), "unknown": 0}
    (tmp_path / "c.json").write_text('{"de": 1}')
    write_stamp(checkpoint, Stamp.of(SHA, contract(looked_up)))
    assert stamp_problem(checkpoint, SHA, contract(looked_up)) is None

    (tmp_path / "c.json").write_text('{"de": 2}')

    assert str(stamp_problem(checkpoint, SHA, contract(looked_up))).endswith(
        "input `c`: `vocabulary` differs: other entries"
    )


def test_a_stamp_of_another_file_is_told(checkpoint):
    write_stamp(checkpoint, Stamp.of("cd" * 32, contract()))

    problem = stamp_problem(checkpoint, SHA, contract())

    assert problem == f"is not the file that was stamped: {checkpoint}.contract.json is of another one"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, r"is a stamp of another version \(2, of contracts 1\)"),
        ({"contract": {"layout": 9, "inputs": []}}, r"is a stamp of another version \(1, of contracts 9\)"),
        ({"contract": None}, "is no stamp of `replay contract --stamp`"),
        ({"contract": []}, "is no stamp of `replay contract --stamp`"),
    ],
)
def test_what_cannot_be_compared_is_said_and_never_fits(checkpoint, change, message):
    place = Path(f"{checkpoint}.contract.json")
    place.write_text(json.dumps({**json.loads(Stamp.of(SHA, contract()).to_json()), **change}))

    with pytest.raises(StampError, match=message):
        read_stamp(checkpoint)
    assert str(stamp_problem(checkpoint, SHA, contract())).startswith("cannot be compared with its stamp: ")


@pytest.mark.parametrize("text", ["", "{", "[1]", "\x00"])
def test_a_file_that_is_no_stamp(checkpoint, text):
    Path(f"{checkpoint}.contract.json").write_text(text)

    with pytest.raises(StampError, match="is no stamp"):
        read_stamp(checkpoint)


def test_what_mlflow_keeps_has_no_place_for_one(tmp_path):
    assert stamp_place("models:/ranker@best") is None
    assert read_stamp("models:/ranker@best") is None
    with pytest.raises(StampError, match="mlflow keeps what it registered"):
        write_stamp("models:/ranker@best", Stamp.of(SHA, contract()))


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "prod.pt2.contract.json").mkdir()
    with pytest.raises(StampError, match="cannot be written to"):
        write_stamp(str(tmp_path / "prod.pt2"), Stamp.of(SHA, contract()))
