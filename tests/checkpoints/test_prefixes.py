from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from replay.checkpoints.examine import examine, read_state_dict
from replay.checkpoints.prefixes import model_weights, shared_prefixes, strip_wrappers
from replay.config.sections.checkpoints import CheckpointConfig
from replay.errors import CheckpointMismatch, CorruptCheckpoint

W = torch.zeros(1)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["module.a.w", "module.b"], ["a.w", "b"]),
        (["_orig_mod.a.w", "_orig_mod.b"], ["a.w", "b"]),
        (["module._orig_mod.a", "module._orig_mod.b"], ["a", "b"]),
        (["_orig_mod.module.a"], ["a"]),
        (["tower._orig_mod.w", "out.w"], ["tower.w", "out.w"]),
        (["module.a", "other.b"], ["module.a", "other.b"]),
    ],
)
def test_prefixes_of_data_parallel_and_compile_are_stripped(given: list[str], expected: list[str]) -> None:
    assert list(strip_wrappers(dict.fromkeys(given, 0), "file")) == expected


def test_prefixes_of_real_wrappers_are_stripped(tmp_path: Path) -> None:
    model = nn.Linear(2, 1)
    for name, wrapped in (("compiled", torch.compile(model)), ("parallel", nn.DataParallel(model))):
        path = tmp_path / f"{name}.pt"
        torch.save(wrapped.state_dict(), path)
        found = read_state_dict(examine(CheckpointConfig(path=str(path)), name))
        assert list(found) == ["weight", "bias"]


def test_names_that_clash_without_prefixes_are_corrupt() -> None:
    with pytest.raises(CorruptCheckpoint, match=r"two weights are named 'a\.w'"):
        strip_wrappers({"a._orig_mod.w": 0, "a.w": 1}, "file")


def test_safetensors_of_wrappers_are_stripped_as_well(tmp_path: Path) -> None:
    save_file(dict(torch.compile(nn.Linear(2, 1)).state_dict()), tmp_path / "m.safetensors")
    assert list(read_state_dict(examine(CheckpointConfig(path=str(tmp_path / "m.safetensors")), "x"))) == [
        "bias",
        "weight",
    ]


@pytest.mark.parametrize("prefix", ["net.", "net", "module.net", "_orig_mod.net."])
def test_the_weights_under_a_prefix(prefix: str) -> None:
    named = {f"module.{name}": W for name in ("net.out.w", "net.mean", "loss.pos_weight", "auc.tp")}
    found = model_weights(named, prefix, "file", ["module.net.mean", "module.auc.tp"])
    assert list(found.tensors) == ["out.w", "mean"]
    assert found.not_parameters == {"mean"}
    assert found.set_aside == (
        "loss.pos_weight (outside of the prefix net.)",
        "auc.tp (outside of the prefix net.)",
    )


def test_many_weights_outside_are_counted() -> None:
    found = model_weights({"net.w": W, **{f"metric.{n}": W for n in range(50)}}, "net", "file")
    assert len(found.set_aside) == 41
    assert found.set_aside[-1] == "and 10 more outside of the prefix net."


def test_a_prefix_of_no_weight_names_those_that_there_are() -> None:
    with pytest.raises(
        CheckpointMismatch,
        match=r"file: `prefix: nett` is in front of none of its 2 weights: they begin with net\., loss\.; did you mean "
        r"`net\.`",
    ):
        model_weights({"net.w": W, "loss.w": W}, "nett", "file")


def test_what_all_names_share() -> None:
    assert shared_prefixes(["a.b.w", "a.b.c.w", "a.b.c.d"]) == ("a.", "a.b.")
    assert shared_prefixes(["w", "a.w"]) == ()
    assert shared_prefixes([]) == ()
