"""What TorchScript does not promise to keep: whether it is still there."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import Tensor, nn

from replay.checkpoints.formats.torchscript.internals import (
    graph_nodes,
    method_graphs,
    quiet_deprecation,
    script_tensors,
)


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.arange(3.0))

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(x * self.weight)


class Outer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Inner()

    def forward(self, x: Tensor) -> Tensor:
        later = torch.jit.fork(self.inner, x)
        if x.sum() > 0:
            x = torch.cumsum(x, 0)
        return torch.jit.wait(later) + x

    @torch.jit.export
    def other(self, x: Tensor) -> Tensor:
        return torch.frac(x)


@pytest.fixture(scope="module")
def scripted() -> torch.jit.ScriptModule:
    with quiet_deprecation():
        return torch.jit.script(Outer().eval())


def test_the_graph_of_every_method_is_there(scripted: torch.jit.ScriptModule) -> None:
    kinds = {node.kind() for graph in method_graphs(scripted) for node in graph_nodes(graph)}
    missing = {"aten::sigmoid", "aten::cumsum", "aten::frac", "aten::mul"} - kinds
    assert not missing, f"graphs of TorchScript do not show {missing}: what is compiled would be called unseen"


def test_weights_are_found_frozen_or_not() -> None:
    with quiet_deprecation():
        module = torch.jit.script(Inner().eval())
        for each in (module, torch.jit.freeze(module)):
            found = [tensor for tensor in script_tensors(each) if tensor.shape == (3,)]
            assert found, "the weights of a frozen module are no constants of its graph any more"
            torch.testing.assert_close(found[0].detach(), torch.arange(3.0))


def test_only_advice_about_torchscript_is_left_out() -> None:
    with quiet_deprecation():
        for category in (DeprecationWarning, FutureWarning):
            warnings.warn("`torch.jit.script` is deprecated", category, stacklevel=1)
        torch.jit.script(Inner())
        with pytest.raises(FutureWarning, match="another"):
            warnings.warn("another", FutureWarning, stacklevel=1)
