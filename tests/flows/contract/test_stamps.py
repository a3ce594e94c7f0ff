from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from replay.config import ReplayConfig
from replay.errors import CheckpointMismatch, OutputConflict, UsageError
from replay.flows.contract.compare import describe_contract
from replay.flows.contract.stamps import check_stamps, stamp_checkpoint, stamp_warnings, with_stamp
from replay.flows.options import Options
from tests.scoring.two_contracts import PROD, two_contracts, write_checkpoints

DENSE, IDS = PROD["inputs"]
CHANGED = {**PROD, "inputs": [{**DENSE, "missing": -1.0}, IDS]}


@pytest.fixture
def config(tmp_path: Path) -> ReplayConfig:
    write_checkpoints(tmp_path)
    return two_contracts(tmp_path)


def sha256s(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256((folder / f"{name}.pt").read_bytes()).hexdigest() for name in ("prod", "l1")}


def test_a_checkpoint_is_stamped_with_its_own_contract_and_stays_as_it_is(config, tmp_path):
    before = sha256s(tmp_path)

    for name in ("prod", "l1"):
        place = stamp_checkpoint(config, name, Options())
        assert place == str(tmp_path / f"{name}.pt.contract.json")
        told = json.loads(Path(place).read_text())
        assert told["checkpoint_sha256"] == before[name]
        assert told["contract_sha256"] == describe_contract(config, name).sha256
    assert sha256s(tmp_path) == before
    assert stamp_warnings(config, before) == ()


def test_another_contract_is_warned_of_and_refused_where_that_is_asked_for(config, tmp_path):
    stamp_checkpoint(config, "prod", Options())
    changed = two_contracts(tmp_path, model=CHANGED)

    (warning,) = check_stamps(changed, sha256s(tmp_path), Options())

    assert warning == (
        "checkpoint `prod` was stamped with another contract than the config's: input `dense`: `missing` is `0.0` in "
        "its stamp, `-1.0` in the config"
    )
    with pytest.raises(CheckpointMismatch, match=r"`prod` was stamped with another contract.*--strict"):
        check_stamps(changed, sha256s(tmp_path), Options(strict=True))
    assert check_stamps(config, sha256s(tmp_path), Options(strict=True)) == ()


def test_a_stamp_is_written_again_but_never_over_another(config, tmp_path):
    stamp_checkpoint(config, "prod", Options())
    place = tmp_path / "prod.pt.contract.json"
    before = place.read_text()
    stamp_checkpoint(config, "prod", Options())
    changed = two_contracts(tmp_path, model=CHANGED)

    with pytest.raises(OutputConflict, match=r"was stamped with another contract.*--overwrite replaces the stamp"):
        stamp_checkpoint(changed, "prod", Options())
    assert place.read_text() == before
    stamp_checkpoint(changed, "prod", Options(), overwrite=True)
    assert stamp_warnings(changed, sha256s(tmp_path)) == ()
    place.write_text("{}")
    with pytest.raises(OutputConflict, match=r"is no stamp of.*--overwrite replaces it"):
        stamp_checkpoint(config, "prod", Options())


def test_only_a_file_can_be_stamped(tmp_path):
    write_checkpoints(tmp_path)
    prod = {"path": "prod.pt", "factory": "two.py:Prod"}
    config = two_contracts(tmp_path, checkpoints={"prod": prod, "half": {"from": "prod", "cast": "float16"}})

    with pytest.raises(UsageError, match="`half` is no file"):
        stamp_checkpoint(config, "half", Options())


def test_the_answer_tells_of_the_stamp(config, tmp_path):
    answer = describe_contract(config)
    assert with_stamp(answer, config, Options()) == answer
    stamp_checkpoint(config, "prod", Options())

    found = with_stamp(answer, config, Options()).stamp

    assert found is not None
    assert (found.place, found.problem) == (str(tmp_path / "prod.pt.contract.json"), None)
    changed = two_contracts(tmp_path, model=CHANGED)
    other = with_stamp(describe_contract(changed), changed, Options()).stamp
    assert other is not None
    assert str(other.problem).startswith("checkpoint `prod` was stamped with another contract")
    with pytest.raises(CheckpointMismatch):
        with_stamp(describe_contract(changed), changed, Options(strict=True))


def test_a_derived_checkpoint_has_none(tmp_path):
    write_checkpoints(tmp_path)
    prod = {"path": "prod.pt", "factory": "two.py:Prod"}
    config = two_contracts(tmp_path, checkpoints={"prod": prod, "half": {"from": "prod", "cast": "float16"}})
    answer = describe_contract(config, "half")

    assert with_stamp(answer, config, Options()) == answer
