"""inspect_checkpoint(): data for every file, safe or not."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from replay.checkpoints.inspection import describe_checkpoint, inspect_checkpoint
from replay.checkpoints.recipes.derive import derive
from replay.config.sections.checkpoints import DerivedConfig
from replay.errors import CheckpointError
from tests.checkpoints import models
from tests.checkpoints.samples import Touch, edit_entry, save_export, save_legacy, save_script, tower


def test_a_safe_file_is_described(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    torch.save({"state_dict": tower().state_dict(), "epoch": 3}, path)
    inspection = inspect_checkpoint(str(path))
    assert inspection.verdict == "safe"
    assert inspection.format == "state_dict"
    assert inspection.size == path.stat().st_size
    assert inspection.parameters == 48
    assert inspection.set_aside == ("epoch (int)",)
    (found,) = inspection.pickles
    assert found.place == "data.pkl"
    assert found.globals == found.read
    assert "torch._utils._rebuild_tensor_v2" in found.globals


def test_archives_list_every_pickle(tmp_path: Path) -> None:
    save_script(tmp_path / "script.pt", trace=True)
    save_export(tmp_path / "export.pt2")
    script = inspect_checkpoint(str(tmp_path / "script.pt"))
    assert {"data.pkl", "constants.pkl", "traced_inputs.pkl"} <= {found.place for found in script.pickles}
    export = inspect_checkpoint(str(tmp_path / "export.pt2"))
    assert len(export.pickles) == 1
    assert script.verdict == export.verdict == "safe"
    assert export.signature is not None


@pytest.mark.parametrize(("allow", "verdict"), [(False, "refused"), (True, "runs code")])
def test_a_pickled_module_is_described_either_way(tmp_path: Path, allow: bool, verdict: str) -> None:
    path = tmp_path / "module.pt"
    torch.save(tower(), path)
    inspection = inspect_checkpoint(str(path), allow_pickle=allow)
    assert inspection.verdict == verdict
    assert inspection.format == "pickled_module"
    assert inspection.parameters == 48
    assert inspection.executes[0].startswith("pickled class ")
    assert ("--allow-pickle" in inspection.reason) is (not allow)


def test_a_hostile_file_says_why_and_shows_its_pickles(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save({"w": torch.ones(1), "x": Touch(tmp_path / "canary")}, path)
    inspection = inspect_checkpoint(str(path))
    assert inspection.verdict == "refused"
    assert inspection.error == "UnsafeCheckpoint"
    assert "posix.system" in inspection.reason
    assert "posix.system" in inspection.pickles[0].globals
    assert inspection.sha256
    assert not (tmp_path / "canary").exists()


def test_hostile_pickles_inside_of_pickled_archives_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "export.pt2"
    save_export(path)
    inner = tmp_path / "inner.pt"
    torch.save(Touch(tmp_path / "canary"), inner)
    edit_entry(path, "sample_inputs/model.pt", lambda _: inner.read_bytes())
    inspection = inspect_checkpoint(str(path))
    (found,) = inspection.pickles
    assert found.place == "data/sample_inputs/model.pt: data.pkl"
    assert found.globals == ("posix.system",)


def test_pickles_one_after_another_are_all_shown(tmp_path: Path) -> None:
    path = tmp_path / "many.pkl"
    first = pickle.dumps({"a": 1})
    path.write_bytes(first + pickle.dumps(Touch(tmp_path / "canary")))
    places = [found.place for found in inspect_checkpoint(str(path)).pickles]
    assert places == ["pickle", f"pickle at byte {len(first)}"]


def test_non_finite_weights_are_counted_and_judged(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save({"w": torch.tensor([1.0, float("nan")])}, path)
    inspection = inspect_checkpoint(str(path))
    assert inspection.verdict == "refused"
    assert inspection.to_dict()["non_finite"] == {"w": 1}
    assert inspect_checkpoint(str(path), allow_non_finite=True).verdict == "safe"


@pytest.mark.parametrize("data", [b"", b"<html>", b"\x80\x02", b"PK\x03\x04broken", b"\xde\xad" * 50])
def test_what_is_no_checkpoint_is_described_too(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(data)
    inspection = inspect_checkpoint(str(path))
    assert inspection.verdict == "refused"
    assert inspection.reason
    assert inspection.size == len(data)


def test_it_is_plain_data(tmp_path: Path) -> None:
    save_legacy(tower().state_dict(), tmp_path / "model.pt")
    data = inspect_checkpoint("model.pt", base_dir=str(tmp_path)).to_dict()
    assert json.loads(json.dumps(data))["parameters_by_dtype"] == {"float32": 48}


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such file"):
        inspect_checkpoint(str(tmp_path / "none.pt"))


@pytest.mark.parametrize("form", models.FORMATS)
def test_a_files_checkpoint_reads_as_its_inspection(form: str, tmp_path: Path) -> None:
    path = models.save(form, models.ranker(), tmp_path / "file")
    inspection = inspect_checkpoint(str(path), allow_pickle=True)
    described = describe_checkpoint(models.examined(path, **models.config_for(form)))
    left_out = {"pickles": (), "executes": ()}  # the first needs the file, the second tells the config's factory too
    assert replace(described, **left_out) == replace(inspection, **left_out)


def test_a_derived_checkpoint_tells_its_recipe(tmp_path: Path) -> None:
    source = models.examined(models.save("torchscript", models.ranker(), tmp_path / "file"))
    config = DerivedConfig.model_validate({"from": "prod", "bitflip": 2, "params": ["out.bias"]})
    made = derive(config, "broken", {"prod": source})
    data = json.loads(json.dumps(describe_checkpoint(made).to_dict()))
    assert data["executes"][0] == "weights made of `prod`, out.bias with 2 bits flipped"
    assert data["sha256"] == made.sha256 != source.sha256
    assert data["parameters"] == source.parameters
    assert data["verdict"] == "safe"
