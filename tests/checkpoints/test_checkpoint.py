"""What is known of a checkpoint: a value that is sent to workers instead of the model."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path

import pytest
import torch

from replay.checkpoints.checkpoint import Checkpoint, CheckpointFile, Recipe, Signature, TensorInfo, TensorSpec
from replay.checkpoints.examine import examine
from replay.checkpoints.recipes.recipe import Alteration, Splice
from replay.config.sections.checkpoints import CheckpointConfig

MIB = 1 << 20


def plain(name: str = "prod") -> Checkpoint:
    return Checkpoint(
        name,
        "/models/prod.pt",
        "state_dict",
        "ab" * 32,
        (CheckpointFile("/models/prod.pt", 1200, "ab" * 32),),
        CheckpointConfig(path="prod.pt"),
        "/models",
        6,
        {"float32": 6},
        (TensorInfo("weight", (2, 3), "float32"),),
    )


def test_it_is_small_however_large_the_model_is(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save({"weight": torch.zeros(MIB)}, path)
    sent = pickle.dumps(examine(CheckpointConfig(path=str(path)), "prod"))
    assert path.stat().st_size > 4 * MIB
    assert len(sent) < 4096


def test_weights_alone_have_nothing_that_runs() -> None:
    checkpoint = plain()
    assert (checkpoint.set_aside, checkpoint.executes, checkpoint.non_finite) == ((), (), ())
    assert (checkpoint.signature, checkpoint.recipe, checkpoint.allow_pickle) == (None, None, False)
    assert checkpoint.tensors[0].parameter


def test_equal_values_are_equal_after_they_were_sent() -> None:
    cast = Alteration((plain(),), "cast", "bfloat16", 0, ("weight",))
    signature = Signature((TensorSpec("x", "float32", ("batch", 4)),), (TensorSpec(""),), "tensor")
    checkpoint = replace(plain("low"), recipe=cast, signature=signature, non_finite=(("weight", 2),))
    assert pickle.loads(pickle.dumps(checkpoint)) == checkpoint
    assert checkpoint != replace(checkpoint, recipe=None)
    assert checkpoint != replace(checkpoint, sha256="cd" * 32)


@pytest.mark.parametrize(
    "value",
    [plain(), plain().files[0], plain().tensors[0], TensorSpec("x"), Signature((), ())],
    ids=lambda value: type(value).__name__,
)
def test_nothing_of_it_is_changed(value: object) -> None:
    first = fields(value)[0].name  # type: ignore[arg-type]
    with pytest.raises(FrozenInstanceError):
        setattr(value, first, "other")


def test_what_a_file_does_not_say_is_none() -> None:
    assert (TensorSpec("x").dtype, TensorSpec("x").shape) == (None, None)
    assert TensorSpec("x", shape=()) != TensorSpec("x")
    assert Signature((), ()).structure == ""


@pytest.mark.parametrize(
    "recipe",
    [Alteration((plain(),), "zero", 0.5, 1, ("weight",)), Splice((plain(), plain("candidate")), (("weight", 1),))],
)
def test_a_recipe_names_its_sources_and_has_a_hash(recipe: Recipe) -> None:
    assert recipe.sources[0] == plain()
    assert len(bytes.fromhex(recipe.sha256)) == 32
    assert str(recipe).startswith("`prod`")
