"""A checkpoint described without its file: as the inspection of the file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from replay.checkpoints import derive, describe_checkpoint, inspect_checkpoint
from replay.config.sections.checkpoints import DerivedConfig
from tests.checkpoints.models import FORMATS, config_for, examined, ranker, save


@pytest.mark.parametrize("form", FORMATS)
def test_a_files_checkpoint_reads_as_its_inspection(form: str, tmp_path: Path) -> None:
    path = save(form, ranker(), tmp_path / "file")
    inspection = inspect_checkpoint(str(path), allow_pickle=True)
    described = describe_checkpoint(examined(path, **config_for(form)))
    left_out = {"pickles": (), "executes": ()}  # the first needs the file, the second tells the config's factory too
    assert replace(described, **left_out) == replace(inspection, **left_out)


def test_a_derived_checkpoint_tells_its_recipe(tmp_path: Path) -> None:
    source = examined(save("torchscript", ranker(), tmp_path / "file"))
    config = DerivedConfig.model_validate({"from": "prod", "bitflip": 2, "params": ["out.bias"]})
    made = derive(config, "broken", {"prod": source})
    data = json.loads(json.dumps(describe_checkpoint(made).to_dict()))
    assert data["executes"][0] == "weights made of `prod`, out.bias with 2 bits flipped"
    assert data["sha256"] == made.sha256 != source.sha256
    assert data["parameters"] == source.parameters
    assert data["verdict"] == "safe"
