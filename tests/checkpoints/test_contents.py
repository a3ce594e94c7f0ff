"""What a reader gives: names, shapes, dtypes and counts of tensors, as torch has them."""

from __future__ import annotations

import pytest
import torch

from replay.checkpoints.checkpoint import TensorInfo
from replay.checkpoints.contents import Contents, FoundPickle, dtype_name, listed
from replay.checkpoints.safety.pickles import walk_pickle
from tests.checkpoints.samples import tower


def test_tensors_are_described_in_order() -> None:
    shared = torch.zeros(2, 3, dtype=torch.bfloat16)
    contents = Contents(
        "state_dict",
        {"b": shared, "a": torch.tensor(1), "scale": torch.empty(0, 4)},
        not_parameters=frozenset({"scale", "gone"}),
    )
    assert contents.tensor_infos() == (
        TensorInfo("b", (2, 3), "bfloat16", True),
        TensorInfo("a", (), "int64", True),
        TensorInfo("scale", (0, 4), "float32", False),
    )


def test_elements_are_counted_by_dtype_and_shared_ones_for_each_name() -> None:
    shared = torch.zeros(2, 3, dtype=torch.float16)
    contents = Contents("state_dict", {"a": shared, "b": shared.T, "c": torch.tensor(1), "d": torch.empty(0, 4)})
    assert contents.parameters_by_dtype() == {"float16": 12, "int64": 1, "float32": 0}
    assert Contents("state_dict", {}).parameters_by_dtype() == {}


def test_a_models_elements_are_those_that_torch_counts() -> None:
    model = tower()
    contents = Contents("state_dict", model.state_dict())
    counted = sum(each.numel() for each in [*model.parameters(), *model.buffers()])
    assert contents.parameters_by_dtype() == {"float32": counted}
    assert [info.shape for info in contents.tensor_infos()] == [each.shape for each in model.state_dict().values()]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float8_e4m3fn, torch.bool, torch.complex64, torch.uint16])
def test_the_name_of_a_dtype_is_its_name_in_torch(dtype: torch.dtype) -> None:
    assert getattr(torch, dtype_name(dtype)) is dtype


@pytest.mark.parametrize(
    ("names", "most", "text"),
    [
        ([], 5, ""),
        (["a"], 1, "a"),
        ("abcde", 5, "a, b, c, d, e"),
        ("abcdef", 5, "a, b, c, d, e and 1 more"),
        (iter("abcdef"), 2, "a, b and 4 more"),
    ],
)
def test_a_few_names_are_listed_and_the_others_counted(names: list[str], most: int, text: str) -> None:
    assert listed(names, most) == text


def test_a_file_of_weights_alone_runs_nothing() -> None:
    contents = Contents("safetensors", {"w": torch.ones(1)})
    assert (contents.set_aside, contents.executes, contents.signature, contents.pickles) == ((), (), None, ())
    walk = walk_pickle(b"cmy_team\nConfig\n.", "data.pkl")
    (found,) = Contents("state_dict", {}, pickles=(FoundPickle("data.pkl", walk),)).pickles
    assert (found.place, found.walk.globals) == ("data.pkl", ("my_team.Config",))
