"""Parameters of several checkpoints in one model, against a state dict that was put together by hand."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from torch import nn

from replay.checkpoints import derive, open_scorer, read_state_dict
from replay.checkpoints.checkpoint import Checkpoint
from replay.config.sections.checkpoints import SpliceConfig
from replay.errors import CheckpointError, CheckpointMismatch
from tests.checkpoints.models import FACTORY, config_for, contract, examined, ranker, rows, save

REPLACEABLE = ("torch.export", "torchscript", "state_dict", "safetensors", "pickled_module")


def spliced(
    splice: dict[str, str], sources: dict[str, Checkpoint], name: str = "mixed", structure: str | None = None
) -> Checkpoint:
    return derive(SpliceConfig(splice=splice, structure=structure), name, sources)


def scores(checkpoint: Checkpoint) -> torch.Tensor:
    return open_scorer(checkpoint, contract()).score(rows(50))


def pair(form: str, folder: Path, other_form: str | None = None) -> dict[str, Checkpoint]:
    """Two checkpoints of one model."""
    return {
        name: examined(save(form, ranker(seed), folder / name), name=name, **config_for(form))
        for seed, (name, form) in enumerate((("prod", form), ("candidate", other_form or form)))
    }


def by_hand(form: str, folder: Path, from_candidate: tuple[str, ...]) -> Checkpoint:
    """A file that plain torch wrote with some parameters of the other model."""
    model, candidate = ranker(0), ranker(1).state_dict()
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name in from_candidate:
                tensor.copy_(candidate[name])
    return examined(save(form, model, folder / "by_hand"), **config_for(form))


@pytest.mark.parametrize("form", REPLACEABLE)
def test_scores_are_those_of_weights_put_together_by_hand(form: str, tmp_path: Path) -> None:
    sources = pair(form, tmp_path)
    made = spliced({"hidden.*": "candidate", "out.bias": "candidate", "*": "prod"}, sources)
    expected = by_hand(form, tmp_path, ("hidden.weight", "hidden.bias", "out.bias"))
    found = scores(pickle.loads(pickle.dumps(made)))
    assert torch.equal(found, scores(expected))
    assert not torch.equal(found, scores(sources["prod"]))
    assert made.format is sources["prod"].format
    assert [file.path for file in made.files] == [str(tmp_path / "prod"), str(tmp_path / "candidate")]
    assert str(made.recipe) in (
        "`prod` with 3 tensors (hidden.weight, hidden.bias, out.bias) of `candidate`",
        "`prod` with hidden.weight, hidden.bias, out.bias of `candidate`",
        "`prod` with hidden.bias, hidden.weight, out.bias of `candidate`",
    )


@pytest.mark.parametrize("form", REPLACEABLE)
def test_all_of_one_checkpoint_is_that_checkpoint(form: str, tmp_path: Path) -> None:
    sources = pair(form, tmp_path)
    assert torch.equal(scores(spliced({"*": "prod"}, sources)), scores(sources["prod"]))
    hidden = spliced({"table.*": "candidate", "hidden.*": "candidate", "out.*": "candidate", "*": "prod"}, sources)
    # All that is trained is the candidate's; the buffers of both are the same.
    assert torch.equal(scores(hidden), scores(sources["candidate"]))


@pytest.mark.parametrize("other", REPLACEABLE)
@pytest.mark.parametrize("form", REPLACEABLE)
def test_sources_may_be_of_several_formats(form: str, other: str, tmp_path: Path) -> None:
    sources = pair(form, tmp_path, other)
    made = spliced({"table.*": "candidate", "*": "prod"}, sources)
    assert torch.equal(scores(made), scores(by_hand(form, tmp_path, ("table.weight",))))


def test_the_first_match_wins_and_order_decides(tmp_path: Path) -> None:
    sources = pair("state_dict", tmp_path)
    made = spliced({"hidden.bias": "prod", "hidden.*": "candidate", "*": "prod"}, sources)
    found, candidate, prod = (read_state_dict(each) for each in (made, sources["candidate"], sources["prod"]))
    assert torch.equal(found["hidden.bias"], prod["hidden.bias"])
    assert torch.equal(found["hidden.weight"], candidate["hidden.weight"])


def test_the_structure_is_that_of_the_star_or_the_last(tmp_path: Path) -> None:
    sources = pair("state_dict", tmp_path, "torchscript")
    assert spliced({"*": "candidate"}, sources).format == "torchscript"
    named = {"table.*": "prod", "hidden.*": "prod", "out.*": "prod", "shift": "candidate", "scale": "candidate"}
    assert spliced(named, sources).format == "torchscript"
    everything = {"table.*": "candidate", "hidden.*": "candidate", "out.*": "candidate", "shift": "prod"}
    assert spliced(everything, sources).format == "state_dict"
    assert spliced({"table.*": "candidate", "*": "prod"}, sources, structure="candidate").format == "torchscript"


def test_a_star_that_is_left_with_nothing_still_gives_the_structure(tmp_path: Path) -> None:
    sources = pair("state_dict", tmp_path)
    sources["third"] = examined(tmp_path / "prod", name="third", **config_for("state_dict"))
    made = spliced({"table.*": "candidate", "[hos]*": "prod", "*": "third"}, sources)
    assert torch.equal(scores(made), scores(by_hand("state_dict", tmp_path, ("table.weight",))))


def test_hashes_tell_splices_apart(tmp_path: Path) -> None:
    sources = pair("state_dict", tmp_path)
    made = [
        spliced({"table.*": "candidate", "*": "prod"}, sources),
        spliced({"table.*": "prod", "*": "candidate"}, sources),
        spliced({"out.*": "candidate", "*": "prod"}, sources),
        spliced({"*": "prod"}, sources),
    ]
    assert len({each.sha256 for each in [*made, *sources.values()]}) == 6
    again = spliced({"table.weight": "candidate", "*": "prod"}, sources, "other_name")
    assert again.sha256 == made[0].sha256  # the same tensors, however they are named


def message(splice: dict[str, str], sources: dict[str, Checkpoint], structure: str | None = None) -> str:
    with pytest.raises(CheckpointMismatch) as caught:
        spliced(splice, sources, structure=structure)
    return str(caught.value)


def test_parameters_without_a_pattern_are_named(tmp_path: Path) -> None:
    said = message({"table.*": "candidate", "hidden.*": "prod"}, pair("state_dict", tmp_path))
    assert "'mixed'" in said
    assert "no pattern matches 3 of 6 parameters: shift, out.weight, out.bias; add a pattern, such as `*`" in said


def test_patterns_that_take_nothing_are_named_all_at_once(tmp_path: Path) -> None:
    splice = {"tabel.weight": "candidate", "hiden.*": "prod", "out.weight": "candidate", "out.bias": "candidate"}
    splice |= {"out.*": "prod", "*": "prod"}
    said = message(splice, pair("state_dict", tmp_path))
    assert "`tabel.weight` matches no parameter; did you mean `table.weight`" in said
    assert "`hiden.*` matches no parameter; did you mean `hidden.*`" in said
    assert "`out.*` takes nothing: patterns before it match all that it names; move it up" in said


def test_a_source_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no checkpoint 'candidat'.*did you mean `candidate`"):
        spliced({"table.*": "candidat", "*": "prod"}, pair("state_dict", tmp_path))


def save_state(path: Path, state: dict[str, torch.Tensor], name: str, **config: object) -> Checkpoint:
    torch.save(state, path)
    return examined(path, name=name, **(config or {"factory": FACTORY}))


def test_other_names_are_named_and_counted(tmp_path: Path) -> None:
    sources = pair("state_dict", tmp_path)
    state = ranker(1).state_dict()
    state["hidden2.bias"] = state.pop("hidden.bias")
    sources["candidate"] = save_state(tmp_path / "renamed", state, "candidate")
    said = message({"table.*": "candidate", "*": "prod"}, sources)
    assert "'candidate' has other parameters than 'prod'" in said
    assert "1 missing: hidden.bias" in said
    assert "1 more: hidden2.bias" in said


def test_other_shapes_and_types_are_named_by_tensor(tmp_path: Path) -> None:
    sources = pair("state_dict", tmp_path)
    state = ranker(1, rows=30).state_dict()
    state["out.bias"] = state["out.bias"].bfloat16()
    sources["candidate"] = save_state(tmp_path / "wider", state, "candidate")
    said = message({"table.*": "candidate", "out.*": "candidate", "*": "prod"}, sources)
    assert "`table.weight`: 'prod' has float32 (20, 4), 'candidate' has float32 (30, 4)" in said
    assert "`out.bias`: 'prod' has float32 (1,), 'candidate' has bfloat16 (1,)" in said
    assert torch.isfinite(scores(spliced({"hidden.*": "candidate", "*": "prod"}, sources))).all()


def test_other_factories_need_a_word_of_the_user(tmp_path: Path) -> None:
    sources = pair("state_dict", tmp_path)
    sources["candidate"] = examined(tmp_path / "candidate", name="candidate", factory=FACTORY, kwargs={"rows": 20})
    splice = {"table.*": "candidate", "*": "prod"}
    said = message(splice, sources)
    assert "kwargs: 'prod' has {}, 'candidate' has {'rows': 20}" in said
    assert "give `structure: name`" in said
    made = spliced(splice, sources, structure="prod")
    assert torch.equal(scores(made), scores(by_hand("state_dict", tmp_path, ("table.weight",))))
    assert made.config.kwargs == {}


def test_only_the_structure_needs_a_factory(tmp_path: Path) -> None:
    sources = pair("state_dict", tmp_path)
    sources["candidate"] = examined(tmp_path / "candidate", name="candidate")
    made = spliced({"table.*": "candidate", "*": "prod"}, sources)
    assert torch.equal(scores(made), scores(by_hand("state_dict", tmp_path, ("table.weight",))))


def test_what_is_not_finite_follows_its_tensor(tmp_path: Path) -> None:
    sources = pair("state_dict", tmp_path)
    state = ranker(1).state_dict()
    state["table.weight"][0, 0] = float("nan")
    state["out.bias"][0] = float("inf")
    sources["candidate"] = save_state(tmp_path / "broken", state, "candidate")
    assert spliced({"table.*": "candidate", "*": "prod"}, sources).non_finite == (("table.weight", 1),)
    assert spliced({"hidden.*": "candidate", "*": "prod"}, sources).non_finite == ()


class Tied(nn.Module):
    """Two names of one parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(20, 3)
        self.out = nn.Linear(3, 20, bias=False)
        self.out.weight = self.table.weight


def test_tied_parameters_come_from_one_source(tmp_path: Path) -> None:
    state, other = Tied().state_dict(), Tied().state_dict()
    sources = {
        "prod": save_state(tmp_path / "prod", state, "prod"),
        "candidate": save_state(tmp_path / "candidate", other, "candidate"),
        "untied": save_state(
            tmp_path / "untied", {n: t.clone() + i for i, (n, t) in enumerate(other.items())}, "untied"
        ),
    }
    said = message({"table.*": "candidate", "*": "prod"}, sources)
    assert "`table.weight` from 'candidate', `out.weight` from 'prod'" in said
    said = message({"*.weight": "untied"}, sources, structure="prod")
    assert "`table.weight` and `out.weight` differ in 'untied'" in said
    made = read_state_dict(spliced({"*.weight": "candidate"}, sources, structure="prod"))
    assert torch.equal(made["out.weight"], other["table.weight"])


@pytest.mark.parametrize("form", ["onnx", "torchscript_frozen"])
def test_formats_without_parameters_say_what_to_do(form: str, tmp_path: Path) -> None:
    said = message({"table.*": "candidate", "*": "prod"}, pair("state_dict", tmp_path, form))
    assert "'candidate'" in said
    assert "state_dict()`, and give a `factory`" in said


def test_long_lists_are_cut(tmp_path: Path) -> None:
    sources = {
        name: save_state(tmp_path / name, {f"layer{i}.w": torch.zeros(i + size) for i in range(40)}, name)
        for size, name in enumerate(("prod", "candidate"))
    }
    said = message({"layer?.w": "candidate", "layer1?.w": "candidate", "*": "prod"}, sources)
    assert "and 10 more" in said
    assert len(said.splitlines()) < 16
