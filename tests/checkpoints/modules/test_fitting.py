"""Which of a file's weights a module gets, for what people save them with: against torch's own wrappers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from replay.checkpoints.contents import SavedExtras
from replay.checkpoints.modules.fitting import fit_names
from replay.errors import CheckpointMismatch
from tests.checkpoints.models import contract, opened

MODULE = __name__
X = torch.randn(6, 3, generator=torch.Generator().manual_seed(3))


class Net(nn.Module):
    """A tower with a norm, and an output."""

    def __init__(self) -> None:
        super().__init__()
        self.tower = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
        self.out = nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.tower(x))


def net(seed: int = 0) -> Net:
    torch.manual_seed(seed)
    model = Net()
    model(X)
    return model.eval()


class Training(nn.Module):
    """A module of a training library, with the model, its average, and a loss with weights of its own."""

    def __init__(self, *, average: bool) -> None:
        super().__init__()
        self.model = net(1)
        if average:
            self.ema_model = AveragedModel(net(2))
        self.loss = nn.BCEWithLogitsLoss(pos_weight=torch.ones(1))


def scores(path: Path, **config: Any) -> torch.Tensor:
    return opened(path, contract("x"), factory=f"{MODULE}:Net", **config).score({"x": X})


def expected(model: nn.Module) -> torch.Tensor:
    return model.eval()(X).detach().reshape(6)


def wrapped(kind: str) -> nn.Module:
    """A model as a training library wraps it."""
    if kind == "averaged":
        return AveragedModel(net(3))
    if kind == "lightning":
        return Training(average=False)
    model = net(3)
    if kind == "compiled inside":
        model.tower = torch.compile(model.tower)  # type: ignore[assignment]
    if kind == "parallel inside":
        model.tower = nn.DataParallel(model.tower)  # type: ignore[assignment]
    return {"parallel": nn.DataParallel, "compiled": torch.compile}.get(kind, lambda it: it)(model)


KINDS = ("averaged", "lightning", "compiled inside", "parallel inside", "parallel", "compiled")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("nested", [False, True])
def test_what_is_saved_wrapped_scores_as_the_model(kind: str, nested: bool, tmp_path: Path) -> None:
    model = wrapped(kind)
    state = model.state_dict()
    torch.save({"state_dict": state, "epoch": 3} if nested else state, tmp_path / "m.pt")
    reference = model.model if isinstance(model, Training) else model.module if kind == "averaged" else net(3)
    torch.testing.assert_close(scores(tmp_path / "m.pt"), expected(reference), rtol=0, atol=0)


def test_what_is_beside_an_average_is_said(tmp_path: Path) -> None:
    torch.save(wrapped("averaged").state_dict(), tmp_path / "m.pt")
    scorer = opened(tmp_path / "m.pt", contract("x"), factory=f"{MODULE}:Net")
    assert scorer.notes == (
        "the factory's module is what the file has under `module.`, as `prefix: module.` would say; set aside: "
        "n_averaged (outside of the prefix module.)",
    )


def test_raw_and_averaged_weights_are_never_chosen_between(tmp_path: Path) -> None:
    model = Training(average=True)
    torch.save({"state_dict": model.state_dict()}, tmp_path / "last.ckpt")
    with pytest.raises(CheckpointMismatch) as caught:
        scores(tmp_path / "last.ckpt")
    lines = str(caught.value).splitlines()
    assert "2 sets of weights that fit the factory's module" in lines[0]
    assert [line.split("#")[0].strip() for line in lines[1:]] == ["prefix: model.", "prefix: ema_model.module."]
    for prefix, chosen in (
        ("model.", model.model),
        ("ema_model.module.", model.ema_model),
        ("ema_model", model.ema_model),
    ):
        torch.testing.assert_close(scores(tmp_path / "last.ckpt", prefix=prefix), expected(chosen), rtol=0, atol=0)
    for path, chosen in (("state_dict.model", model.model), ("state_dict.ema_model.module", model.ema_model)):
        torch.testing.assert_close(scores(tmp_path / "last.ckpt", weights=path), expected(chosen), rtol=0, atol=0)


@pytest.mark.parametrize("front", ["ema.", "module."])
def test_weights_without_a_prefix_and_others_with_one(front: str, tmp_path: Path) -> None:
    raw, averaged = net(1), net(2)
    both = {**raw.state_dict(), **{f"{front}{name}": tensor for name, tensor in averaged.state_dict().items()}}
    torch.save(both, tmp_path / "m.pt")
    with pytest.raises(CheckpointMismatch) as caught:
        scores(tmp_path / "m.pt")
    assert [line.split("#")[0].strip() for line in str(caught.value).splitlines()[1:]] == [
        'prefix: ""',
        f"prefix: {front}",
    ]
    torch.testing.assert_close(scores(tmp_path / "m.pt", prefix=""), expected(raw), rtol=0, atol=0)
    torch.testing.assert_close(scores(tmp_path / "m.pt", prefix=front), expected(averaged), rtol=0, atol=0)


def test_one_set_of_weights_under_two_names_is_one(tmp_path: Path) -> None:
    state = net().state_dict()
    both = {f"{front}.{name}": tensor for front in ("encoder", "decoder.encoder") for name, tensor in state.items()}
    torch.save(both, tmp_path / "m.pt")
    torch.testing.assert_close(scores(tmp_path / "m.pt"), expected(net()), rtol=0, atol=0)


def test_shapes_tell_two_towers_apart(tmp_path: Path) -> None:
    other = {f"other.{name}": torch.zeros(9) for name in Net().state_dict()}
    torch.save({**other, **{f"mine.{name}": tensor for name, tensor in net().state_dict().items()}}, tmp_path / "m.pt")
    torch.testing.assert_close(scores(tmp_path / "m.pt"), expected(net()), rtol=0, atol=0)


def test_more_weights_behind_the_prefix_than_the_module_has_are_refused(tmp_path: Path) -> None:
    model = Training(average=False)
    model.model.more = nn.Linear(2, 2)  # type: ignore[assignment]
    torch.save(model.state_dict(), tmp_path / "m.pt")
    for prefix in (None, "model."):
        with pytest.raises(CheckpointMismatch, match=r"the module has no \(2\)\n    `more.weight`"):
            scores(tmp_path / "m.pt", prefix=prefix)


def test_other_shapes_behind_a_prefix_are_said_as_such(tmp_path: Path) -> None:
    model = Training(average=False)
    model.model.out = nn.Linear(4, 2)
    torch.save(model.model.state_dict(prefix="model."), tmp_path / "m.pt")
    with pytest.raises(CheckpointMismatch, match=r"`out.weight`: the file has \(2, 4\), the module \(1, 4\)") as caught:
        scores(tmp_path / "m.pt")
    assert "lacks" not in str(caught.value)


def test_a_module_with_one_weight() -> None:
    w = torch.ones(1)
    own = {"w": nn.Parameter(torch.zeros(1))}
    assert fit_names(own, {"a.b.w": w, "c": torch.zeros(2)}, SavedExtras(), None, "file").tensors == {"w": w}


def test_nothing_fits() -> None:
    own = {"w": nn.Parameter(torch.zeros(1))}
    saved = {"v": torch.ones(1)}
    assert fit_names(own, saved, SavedExtras(), None, "file").tensors == saved
