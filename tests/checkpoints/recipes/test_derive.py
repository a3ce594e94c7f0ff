"""Derived checkpoints: the scores of plain torch on a state dict that was altered the same way, in every format."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from replay.checkpoints import derive, open_scorer, read_state_dict
from replay.config.sections.checkpoints import DerivedConfig, SpliceConfig
from replay.errors import CheckpointMismatch
from replay.hashing import salted, uniform
from tests.checkpoints.models import FACTORY, config_for, contract, examined, ranker, rows, save
from tests.checkpoints.recipes.making import REPLACEABLE, altered_file, derived, ones_and_a_half, scores


def plain_scores(model: nn.Module, alter: Callable[[str, torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """The oracle: a copy of the model, its parameters and buffers altered one by one."""
    other = copy.deepcopy(model)
    with torch.no_grad():
        for name, tensor in [*other.named_parameters(), *other.named_buffers()]:
            tensor.copy_(alter(name, tensor.clone()))
        return other(**rows(50))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_casts_score_as_plain_torch_does(form: str, dtype: str, tmp_path: Path) -> None:
    model = ranker()
    source = examined(save(form, model, tmp_path / "file"), **config_for(form))
    names = ["table.*", "hidden.weight", "shift"]

    def cast(name: str, tensor: torch.Tensor) -> torch.Tensor:
        named = name in ("table.weight", "hidden.weight", "shift")
        return tensor.to(getattr(torch, dtype)).float() if named else tensor

    found = scores(derived(source, cast=dtype, params=names))
    same_program = scores(altered_file(form, model, cast, tmp_path))
    assert torch.equal(found, same_program)
    torch.testing.assert_close(found, plain_scores(model, cast), rtol=1e-6, atol=1e-6)
    assert not torch.equal(found, scores(source))


def test_int8_scores_as_numpy_does(form: str, tmp_path: Path) -> None:
    def int8(name: str, tensor: torch.Tensor) -> torch.Tensor:
        values = tensor.numpy()
        scale = np.float32(float(np.abs(values).max()) / 127)
        return torch.from_numpy(np.round(values / scale) * scale) if name == "hidden.weight" else tensor

    model = ranker()
    source = examined(save(form, model, tmp_path / "file"), **config_for(form))
    assert torch.equal(
        scores(derived(source, cast="int8", params=["hidden.weight"])),
        scores(altered_file(form, model, int8, tmp_path)),
    )


def test_zeros_are_those_that_the_hash_draws(form: str, tmp_path: Path) -> None:
    def zero(name: str, tensor: torch.Tensor) -> torch.Tensor:
        keys = np.arange(tensor.numel(), dtype=np.uint64)
        drawn = uniform(keys, salted(salted(3, "other", "zero"), name)) < 0.4
        return torch.where(torch.from_numpy(drawn).reshape(tensor.shape), 0.0, tensor) if "weight" in name else tensor

    model = ranker()
    source = examined(save(form, model, tmp_path / "file"), **config_for(form))
    found = derived(source, seed=3, zero=0.4, params=["*.weight"])
    assert torch.equal(scores(found), scores(altered_file(form, model, zero, tmp_path)))


def test_all_of_a_tensor_to_zero(form: str, tmp_path: Path) -> None:
    model = ranker()
    source = examined(save(form, model, tmp_path / "file"), **config_for(form))
    found = scores(derived(source, zero=True, params=["out.*"]))
    assert torch.equal(found, torch.zeros(50))


def test_flipped_bits_are_as_many_as_asked(form: str, tmp_path: Path) -> None:
    model = ranker()
    source = examined(save(form, model, tmp_path / "file"), **config_for(form))
    made = derived(source, bitflip=17, params=["table.weight", "hidden.weight", "out.bias"])
    before, after = read_state_dict(source), read_state_dict(made)
    changed = {
        name: int(np.unpackbits(after[name].numpy().view(np.uint8) ^ before[name].numpy().view(np.uint8)).sum())
        for name in before
    }
    assert sum(changed.values()) == 17
    assert all(not changed[name] for name in ("hidden.bias", "out.weight", "shift"))
    assert torch.equal(
        scores(made), scores(altered_file(form, model, lambda name, old: after.get(name, old), tmp_path))
    )


def test_the_same_weights_get_the_same_change_in_every_format(tmp_path: Path) -> None:
    found: dict[str, list[torch.Tensor]] = {}
    for form in REPLACEABLE:
        source = examined(save(form, ranker(), tmp_path / form), **config_for(form))
        for config in ({"noise": 0.5}, {"zero": 0.5}, {"bitflip": 9}, {"cast": "int8"}):
            made = read_state_dict(derived(source, params=["*.weight", "out.bias"], **config))
            for name in ("table.weight", "hidden.weight", "out.weight", "out.bias"):
                found.setdefault(f"{config} {name}", []).append(made[name].view(torch.int32))
    assert len(found) == 16
    assert all(torch.equal(each, same[0]) for same in found.values() for each in same)


def test_noise_moves_weights_by_a_share_of_their_deviation(tmp_path: Path) -> None:
    source = examined(save("state_dict", ranker(rows=4000), tmp_path / "file"), **config_for("state_dict", rows=4000))
    before, after = read_state_dict(source)["table.weight"], read_state_dict(derived(source, noise=0.1))["table.weight"]
    assert float((after - before).std()) == pytest.approx(0.1 * float(before.std()), rel=0.03)


def test_what_decides_the_noise(tmp_path: Path) -> None:
    source = examined(save("state_dict", ranker(), tmp_path / "file"), **config_for("state_dict"))
    one = scores(derived(source, noise=0.1))
    assert torch.equal(scores(derived(source, noise=0.1)), one)
    assert torch.equal(scores(derived(replace(source, name="renamed"), noise=0.1)), one)
    assert not torch.equal(scores(derived(source, name="third", noise=0.1)), one)
    assert not torch.equal(scores(derived(source, seed=1, noise=0.1)), one)


def test_changes_that_change_nothing(tmp_path: Path) -> None:
    source = examined(save("torchscript", ranker(), tmp_path / "file"))
    for config in ({"noise": 1e-30}, {"zero": 1e-15}):
        assert torch.equal(scores(derived(source, **config)), scores(source))


def test_a_recipe_of_a_recipe(form: str, tmp_path: Path) -> None:
    """A cast of a splice of two checkpoints, one of which is a derived one."""
    sources = {
        name: examined(save(form, ranker(seed), tmp_path / name), name=name, **config_for(form))
        for seed, name in enumerate(("prod", "candidate"))
    }
    for name, config in (
        ("noisy", {"from": "candidate", "zero": True, "params": ["hidden.bias"]}),
        ("mixed", {"splice": {"table.*": "candidate", "hidden.*": "noisy", "*": "prod"}}),
        ("low", {"from": "mixed", "cast": "bfloat16", "params": ["table.weight", "out.weight"]}),
    ):
        kind = SpliceConfig if "splice" in config else DerivedConfig
        sources[name] = derive(kind.model_validate(config), name, sources)

    candidate = dict(ranker(1).named_parameters())

    def oracle(name: str, tensor: torch.Tensor) -> torch.Tensor:
        if name.startswith(("table", "hidden")):
            tensor = candidate[name].detach()
        if name == "hidden.bias":
            tensor = torch.zeros(8)
        return tensor.bfloat16().float() if name in ("table.weight", "out.weight") else tensor

    found = scores(pickle.loads(pickle.dumps(sources["low"])))
    assert torch.equal(found, scores(altered_file(form, ranker(0), oracle, tmp_path)))
    assert [Path(file.path).name for file in sources["low"].files] == ["prod", "candidate"]


class Tied(nn.Module):
    """Two names of one parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(20, 3)
        self.out = nn.Linear(3, 20, bias=False)
        self.out.weight = self.table.weight

    def forward(self, dense: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        return (self.out(dense) * self.table(ids).sum(2).sum(1, keepdim=True)).sum(1)


def tied() -> nn.Module:
    torch.manual_seed(0)
    return Tied().eval()


def test_tied_parameters_stay_one(form: str, tmp_path: Path) -> None:
    if form == "safetensors":
        pytest.skip("safetensors refuses to store a tensor twice")
    config = {"factory": "tests.checkpoints.recipes.test_derive:tied"} if form == "state_dict" else {}
    source = examined(save(form, tied(), tmp_path / "file"), **config)
    made = derived(source, noise=0.5, params=["out.weight"])
    state = read_state_dict(made)
    assert made.recipe.tensors == ("table.weight", "out.weight")
    assert torch.equal(state["table.weight"], state["out.weight"])
    model = tied()
    with torch.no_grad():
        model.table.weight.copy_(state["table.weight"])
        torch.testing.assert_close(scores(made), model(**rows(50)), rtol=1e-5, atol=1e-6)
    flips = read_state_dict(derived(source, bitflip=5))
    assert torch.equal(flips["table.weight"].view(torch.int32), flips["out.weight"].view(torch.int32))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_models_of_other_types_keep_their_type(dtype: torch.dtype, tmp_path: Path) -> None:
    source = examined(save("pickled_module", ranker().to(dtype), tmp_path / "file"))
    for config in ({"cast": "int8"}, {"noise": 0.1}, {"zero": 0.5}, {"bitflip": 3}):
        made = derived(source, **config)
        assert made.parameters_by_dtype == source.parameters_by_dtype
        assert {tensor.dtype for tensor in read_state_dict(made).values()} == {dtype}
        open_scorer(made, contract())


def test_integers_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    torch.save({**ranker().state_dict(), "steps": torch.tensor([7])}, path)
    source = examined(path, factory=FACTORY)
    made = derived(source, zero=True)
    assert read_state_dict(made)["steps"].tolist() == [7]
    with pytest.raises(CheckpointMismatch, match=r"match only steps \(int64\) in 'prod', and none is of a floating"):
        derived(source, zero=True, params=["steps"])


def test_constants_of_the_code_are_left_alone(tmp_path: Path) -> None:
    class WithConstant(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.out = nn.Linear(3, 1)

        def forward(self, dense: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
            return self.out(dense).squeeze(-1) * torch.tensor([4.0]) + ids.sum(1) * torch.tensor([0.25])

    model = WithConstant().eval()
    source = examined(save("torch.export", model, tmp_path / "file"))
    assert len(source.tensors) > 2
    with torch.no_grad():
        expected = rows(50)["ids"].sum(1) * 0.25
    torch.testing.assert_close(scores(derived(source, zero=True)), expected)


def test_a_corrupted_checkpoint_is_allowed_and_noted(tmp_path: Path) -> None:
    source = examined(save("state_dict", ranker(), tmp_path / "file"), **config_for("state_dict"))
    bits = 32 * 8  # all bits of a bias of 8 values: each becomes its complement
    made = derived(source, bitflip=bits, params=["hidden.bias"])
    state = read_state_dict(made)
    expected = ~read_state_dict(source)["hidden.bias"].view(torch.int32)
    assert torch.equal(state["hidden.bias"].view(torch.int32), expected)


def test_what_a_corruption_breaks_is_counted(tmp_path: Path) -> None:
    source = examined(ones_and_a_half(tmp_path / "file"), factory=FACTORY)
    made = derived(source, bitflip=200, params=["hidden.*"])
    weight = read_state_dict(made)["hidden.weight"]
    assert made.non_finite == (("hidden.weight", int((~torch.isfinite(weight)).sum())),)
    assert scores(made).shape == (50,)


def test_what_overflows_or_vanishes_is_noted(tmp_path: Path) -> None:
    state = ranker().state_dict()
    state["hidden.bias"][0] = 1e6
    state["out.bias"][0] = 3e38
    state["shift"][1] = math.nan
    path = tmp_path / "file"
    torch.save(state, path)
    source = examined(path, factory=FACTORY)
    assert source.non_finite == (("shift", 1),)
    assert derived(source, cast="float16").non_finite == (("shift", 1), ("hidden.bias", 1), ("out.bias", 1))
    assert derived(source, cast="bfloat16").non_finite == (("shift", 1),)
    assert derived(source, zero=True).non_finite == ()
    assert derived(source, zero=True, params=["out.bias"]).non_finite == (("shift", 1),)
    assert derived(source, cast="int8").non_finite == (("shift", 1),)
