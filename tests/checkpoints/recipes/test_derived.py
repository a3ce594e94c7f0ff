"""Derived checkpoints as the rest of a run sees them: described, told apart, kept open, sent to workers, refused."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from replay.checkpoints import cached_scorer, check_inputs, close_scorers, derive, examine, open_scorer
from replay.checkpoints.open import scorer_fingerprint
from replay.checkpoints.recipes.recipe import Alteration
from replay.config.sections.checkpoints import CheckpointConfig, DerivedConfig
from replay.errors import CheckpointError, CheckpointMismatch, CorruptCheckpoint
from tests.checkpoints.models import FACTORY, HERE, config_for, contract, examined, ranker, save
from tests.checkpoints.recipes.making import altered_file, derived, ones_and_a_half, scores
from tests.checkpoints.samples import save_legacy


def test_what_it_is_described_as(form: str, tmp_path: Path) -> None:
    source = examined(save(form, ranker(), tmp_path / "file"), **config_for(form))
    made = derived(source, name="low", cast="int8")
    assert (made.name, made.format, made.files) == ("low", source.format, source.files)
    assert (made.parameters, made.tensors, made.signature) == (source.parameters, source.tensors, source.signature)
    assert isinstance(made.recipe, Alteration)
    assert str(
        derived(source, cast="int8", params=["out.*"]).recipe
    ) == "`prod`, out.weight, out.bias rounded to int8" or (form == "safetensors")
    assert check_inputs(made, contract()) == check_inputs(source, contract())
    assert len(pickle.dumps(made)) < 10_000


def test_hashes_tell_recipes_apart(tmp_path: Path) -> None:
    config = config_for("state_dict")
    one = examined(save("state_dict", ranker(0), tmp_path / "one"), **config)
    two = examined(save("state_dict", ranker(1), tmp_path / "two"), **config)
    low = derived(one, cast="int8")
    made = [
        one,
        low,
        derived(one, cast="bfloat16"),
        derived(one, cast="int8", params=["out.*"]),
        derived(two, cast="int8"),
        derived(low, cast="int8"),
        derived(one, zero=0.1),
        derived(one, zero=0.2),
        derived(one, zero=0.2, seed=1),
        derived(one, "another", zero=0.2),
        derived(one, noise=0.1),
        derived(one, bitflip=1),
        derived(one, bitflip=2),
    ]
    assert len({each.sha256 for each in made}) == len(made)
    assert len({scorer_fingerprint(each, contract()) for each in made}) == len(made)
    assert derived(one, "another", cast="int8").sha256 == low.sha256  # a name decides nothing there
    assert all(len(each.sha256) == 64 for each in made)


def test_which_state_dict_of_the_file_counts(tmp_path: Path) -> None:
    path = tmp_path / "file"
    torch.save({"a": ranker(0).state_dict(), "b": ranker(1).state_dict()}, path)
    one, two = (derived(examined(path, factory=FACTORY, weights=where), cast="int8") for where in "ab")
    assert one.sha256 != two.sha256
    assert not torch.equal(scores(one), scores(two))


def test_a_process_keeps_it_open(tmp_path: Path) -> None:
    source = examined(save("torchscript", ranker(), tmp_path / "file"))
    made = derived(source, cast="int8")
    try:
        first = cached_scorer(made, contract())
        assert cached_scorer(pickle.loads(pickle.dumps(made)), contract()) is first
        assert cached_scorer(source, contract()) is not first
    finally:
        close_scorers()


def test_a_source_that_was_swapped_is_refused(tmp_path: Path) -> None:
    made = derived(examined(save("torchscript", ranker(0), tmp_path / "file")), cast="int8")
    save("torchscript", ranker(1), tmp_path / "file")
    with pytest.raises(CorruptCheckpoint, match=r"'other'.*was swapped"):
        open_scorer(made, contract())


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"from": "prud", "cast": "int8"}, r"'other': there is no checkpoint 'prud'.*did you mean `prod`"),
        ({"from": "prod", "cast": "int8", "params": ["tabel.weight"]}, r"`tabel.weight`.*did you mean `table.weight`"),
        ({"from": "prod", "zero": True, "params": ["hiden.*", "out.*"]}, r"`hiden\.\*`.*did you mean `hidden\.\*`"),
        ({"from": "prod", "bitflip": 33, "params": ["out.bias"]}, r"`bitflip: 33` is more than the 32 bits"),
    ],
)
def test_refusals_name_what_is_near(config: dict[str, Any], message: str, tmp_path: Path) -> None:
    source = examined(save("state_dict", ranker(), tmp_path / "file"), **config_for("state_dict"))
    with pytest.raises(CheckpointError, match=message):
        derive(DerivedConfig.model_validate(config), "other", {"prod": source})


@pytest.mark.parametrize("form", ["onnx", "torchscript_frozen"])
def test_formats_without_parameters_say_what_to_do(form: str, tmp_path: Path) -> None:
    source = examined(save(form, ranker(), tmp_path / "file"))
    with pytest.raises(CheckpointMismatch, match=r"'other'.*'prod'.*state_dict\(\)`, and give a `factory`"):
        derived(source, cast="int8")


def test_legacy_files(tmp_path: Path) -> None:
    model = ranker()
    save_legacy(model, tmp_path / "file")
    source = examined(tmp_path / "file")
    found = scores(derived(source, cast="bfloat16"))

    def cast(name: str, tensor: torch.Tensor) -> torch.Tensor:
        return tensor if name == "scale" else tensor.bfloat16().float()

    assert torch.equal(found, scores(altered_file("pickled_module", model, cast, tmp_path)))


def test_sources_need_no_leave_for_what_the_recipe_breaks(tmp_path: Path) -> None:
    path = ones_and_a_half(tmp_path / "file")
    source = examine(CheckpointConfig(path=str(path), factory=FACTORY), "prod", base_dir=HERE)
    assert derived(source, bitflip=200, params=["hidden.*"]).non_finite


def test_another_process_gives_the_same_scores(tmp_path: Path) -> None:
    source = examined(save("state_dict", ranker(), tmp_path / "file"), **config_for("state_dict"))
    made = [derived(source, name, **config) for name, config in (("n", {"noise": 0.3}), ("b", {"bitflip": 4}))]
    (tmp_path / "made").write_bytes(pickle.dumps(made))
    code = """
import pickle, sys
from replay.checkpoints import open_scorer
from tests.checkpoints.models import contract, rows
for made in pickle.load(open(sys.argv[1], "rb")):
    print(open_scorer(made, contract()).score(rows(50)).numpy().tobytes().hex())
"""
    environment = {**os.environ, "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "made")],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        cwd=Path(HERE).parents[1],
    )
    assert run.stdout.split() == [scores(each).numpy().tobytes().hex() for each in made]
