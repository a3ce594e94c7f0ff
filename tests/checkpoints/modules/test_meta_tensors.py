"""Tensors of the meta device that are still in use: torch calls its private dispatch mode for all of them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from replay.checkpoints.modules.meta_tensors import MetaTensors


class Holds(nn.Module):
    """Keeps a tensor in a place that no module lists."""

    def __init__(self, keep: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.kept = {"constant": torch.ones(3) * 2} if keep else {}


@pytest.mark.parametrize("keep", [False, True])
def test_a_tensor_that_is_kept_anywhere_is_found(keep: bool) -> None:
    made = MetaTensors()
    with torch.device("meta"), made:
        module = Holds(keep)
    assert made.any_left(), "torch calls TorchDispatchMode no more: constants without values would go unseen"
    module.load_state_dict({"linear.weight": torch.ones(2, 2), "linear.bias": torch.ones(2)}, assign=True)
    assert made.any_left() is keep


def test_cycles_that_nobody_refers_to_do_not_count() -> None:
    made = MetaTensors()
    with torch.device("meta"), made:
        cycle: list[object] = [torch.ones(2)]
        cycle.append(cycle)
    del cycle
    assert not made.any_left()


def test_tensors_with_memory_do_not_count() -> None:
    with MetaTensors() as made:
        tensor = torch.ones(2)
    assert tensor.sum() == 2
    assert not made.any_left()
