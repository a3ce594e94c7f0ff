"""Tensors of a loaded module, replaced: everything that refers to them follows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from replay.checkpoints import derive, open_scorer, read_state_dict
from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.modules.replacing import replace_weights
from replay.checkpoints.sharing.mapped_weights import module_tensors
from replay.config.sections.checkpoints import DerivedConfig, SpliceConfig
from replay.errors import CheckpointMismatch
from tests.checkpoints.models import contract, examined, ranker, rows, save

REPLACEABLE = ("torch.export", "torchscript", "state_dict", "pickled_module")


class Recurrent(nn.Module):
    """Weights that a module keeps references to, a list of parameters, a normalisation, a nested plain tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = nn.GRU(3, 4, batch_first=True)
        self.norm = nn.BatchNorm1d(4)
        self.blocks = nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.Tanh(), nn.Linear(4, 1)))
        self.offset = torch.tensor([0.25])

    def forward(self, dense: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        found, _ = self.steps(dense.unsqueeze(1))
        return (self.blocks(self.norm(found[:, -1])) + self.offset + ids.sum(1, keepdim=True) * 0.01).squeeze(-1)


def recurrent() -> nn.Module:
    torch.manual_seed(0)
    model = Recurrent()
    model.norm.running_mean.copy_(torch.tensor([0.3, -0.1, 0.2, 0.7]))
    return model.eval()


def derived(source: Checkpoint, **config: Any) -> Checkpoint:
    return derive(DerivedConfig.model_validate({"from": source.name, **config}), "other", {source.name: source})


@pytest.mark.parametrize("form", REPLACEABLE)
def test_modules_that_keep_references_to_their_weights(form: str, tmp_path: Path) -> None:
    config = {"factory": f"{__name__}:recurrent"} if form == "state_dict" else {}
    source = examined(save(form, recurrent(), tmp_path / "file"), **config)
    params = ["steps.*", "norm.*", "blocks.*"]
    made = derived(source, cast="bfloat16", params=params)
    model = recurrent()
    with torch.no_grad():
        for name, tensor in read_state_dict(made).items():
            if name in model.state_dict():
                model.state_dict()[name].copy_(tensor)
        expected = model(**rows(30))
    batch = rows(30)
    torch.testing.assert_close(open_scorer(made, contract()).score(batch), expected, rtol=1e-6, atol=1e-6)
    assert not torch.allclose(open_scorer(source, contract()).score(batch), expected, rtol=1e-6, atol=1e-6)
    assert {name.split(".")[0] for name in made.recipe.tensors} == {"steps", "norm", "blocks"}


@pytest.mark.parametrize("form", REPLACEABLE)
def test_all_of_such_a_module(form: str, tmp_path: Path) -> None:
    config = {"factory": f"{__name__}:recurrent"} if form == "state_dict" else {}
    source = examined(save(form, recurrent(), tmp_path / "file"), **config)
    found = open_scorer(derived(source, zero=True), contract()).score(rows(30))
    offset = found - rows(30)["ids"].sum(1) * 0.01
    # The plain tensor is no part of a state dict; the files of programs hold it.
    stored = any(info.name == "offset" for info in source.tensors)
    torch.testing.assert_close(offset, torch.full((30,), 0.0 if stored else 0.25))
    assert stored == (form in ("torchscript", "torch.export"))


@pytest.mark.parametrize("other", REPLACEABLE)
@pytest.mark.parametrize("form", REPLACEABLE)
def test_splices_of_such_modules(form: str, other: str, tmp_path: Path) -> None:
    factory = {"factory": f"{__name__}:recurrent"}
    candidate = recurrent()
    with torch.no_grad():
        for tensor in candidate.state_dict().values():
            if tensor.is_floating_point():
                tensor += 0.125
    sources = {
        name: examined(save(kind, model, tmp_path / name), name=name, **(factory if kind == "state_dict" else {}))
        for name, kind, model in (("prod", form, recurrent()), ("candidate", other, candidate))
    }
    made = derive(SpliceConfig(splice={"steps.*_l0": "candidate", "*": "prod"}), "mixed", sources)
    model = recurrent()
    model.steps = candidate.steps
    with torch.no_grad():
        expected = model(**rows(30))
    torch.testing.assert_close(open_scorer(made, contract()).score(rows(30)), expected, rtol=1e-6, atol=1e-6)


def test_what_is_left_is_told_apart(tmp_path: Path) -> None:
    source = examined(save("pickled_module", ranker(), tmp_path / "file"))
    made = derived(source, zero=True, params=["hidden.*"])
    model = ranker()
    kept = list(replace_weights(model, list(module_tensors(model)), made, None))
    assert len(kept) == 5
    assert all(tensor is not model.hidden.weight and tensor is not model.hidden.bias for tensor in kept)
    assert not model.hidden.weight.any()
    assert isinstance(model.hidden.weight, nn.Parameter)


def test_a_checkpoint_without_a_recipe_changes_nothing(tmp_path: Path) -> None:
    model = ranker()
    before = {name: tensor.data_ptr() for name, tensor in model.state_dict().items()}
    own = list(module_tensors(model))
    assert list(replace_weights(model, own, examined(save("torchscript", model, tmp_path / "file")), None)) == own
    assert {name: tensor.data_ptr() for name, tensor in model.state_dict().items()} == before


def test_a_name_that_the_module_does_not_have(tmp_path: Path) -> None:
    made = derived(examined(save("torchscript", ranker(), tmp_path / "file")), zero=True)
    with pytest.raises(CheckpointMismatch, match=r"'other': `shift` is stored in .*leave it out of `params`"):
        replace_weights(nn.Linear(2, 2), [], made, None)
