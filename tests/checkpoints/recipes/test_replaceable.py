"""Names that stand for a tensor of the model, and those that stand for a constant of its code."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.checkpoints.recipes.rebuilt import Weights
from replay.checkpoints.recipes.replaceable import is_inlined, replaceable, unmatched
from replay.errors import CheckpointMismatch
from tests.checkpoints.models import config_for, examined, ranker, save


@pytest.mark.parametrize(
    ("name", "inlined"),
    [
        ("CONSTANTS.c12", True),
        ("lifted_tensor_0", True),
        ("tower._lifted_tensor_constant1", True),
        ("tower.weight", False),
        ("CONSTANTS.cat", False),
        ("lifted_tensor_table.weight", False),
    ],
)
def test_constants_of_the_code_have_names_of_their_own(name: str, inlined: bool) -> None:
    assert is_inlined(name) is inlined


def test_parameters_and_buffers_of_a_file(tmp_path: Path) -> None:
    form = "state_dict"
    weights = Weights(examined(save(form, ranker(), tmp_path / "file"), **config_for(form)))
    assert [info.name for info in replaceable(weights, "other")] == list(ranker().state_dict())


def test_onnx_has_none(tmp_path: Path) -> None:
    weights = Weights(examined(save("onnx", ranker(), tmp_path / "file")))
    with pytest.raises(CheckpointMismatch, match=r"'other': 'prod' is ONNX.*torch\.export.*give a `factory`"):
        replaceable(weights, "other")


def test_patterns_without_a_match() -> None:
    names = ["query.embedding.weight", "item.embedding.weight", "out.bias"]
    assert unmatched(["query.*", "*.weight", "out.bias"], names) == []
    assert unmatched(["qery.*"], names) == ["`qery.*` matches no parameter; did you mean `query.*`?"]
    assert unmatched(["zzz"], names) == ["`zzz` matches no parameter"]
