"""The second look at a torch.export program: at modules that were made, each way out of them refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import fx, nn

from replay.checkpoints.formats.torch_export.module import refuse_stray
from replay.errors import UnsafeCheckpoint

HIGHER = torch.ops.higher_order
ROWS = torch.ones(4, 3)


def made(build: Callable[[fx.Graph, fx.Node], Any]) -> fx.GraphModule:
    graph = fx.Graph()
    x = graph.placeholder("x")
    graph.output(build(graph, x))
    module = fx.GraphModule(nn.Module(), fx.Graph())
    module.add_module("layer", nn.Linear(3, 1))
    module.register_buffer("mean", torch.ones(3))
    module.constant = torch.ones(1)
    module.graph = graph
    return module


def inner() -> fx.GraphModule:
    return made(lambda graph, x: graph.call_function(torch.ops.aten.neg.default, (x,)))


STRAY: dict[str, tuple[Callable[[fx.Graph, fx.Node], Any], str]] = {
    "method of the module": (lambda g, _: g.get_attr("to_folder"), "fetches no tensor"),
    "class of the module": (lambda g, _: g.get_attr("__class__"), "fetches no tensor"),
    "globals of a method": (lambda g, _: g.get_attr("__class__.to_folder.__globals__"), "fetches no tensor"),
    "method of a tensor": (lambda g, _: g.get_attr("layer.weight.data_ptr"), "fetches no tensor"),
    "what is not there": (lambda g, _: g.get_attr("layer.nothing"), "fetches no tensor"),
    "other letters": (lambda g, _: g.get_attr("layer.we\U0001d422ght"), "fetches no tensor"),
    "method called": (lambda g, x: g.call_method("tofile", (x, "canary")), "calls a module or a method"),
    "module called": (lambda g, x: g.call_module("layer", (x,)), "calls a module or a method"),
    "function of Python": (lambda g, _: g.call_function(exec, ("1",)), "no operator"),
    "function of torch": (lambda g, x: g.call_function(torch.save, (x, "canary")), "no operator"),
    "unknown operator": (lambda g, x: g.call_function(torch.ops.aten.set_.source_Tensor, (x, x)), "not known"),
    "packet of operators": (lambda g, x: g.call_function(torch.ops.aten.neg, (x,)), "no operator"),
    "other higher order": (
        lambda g, x: g.call_function(HIGHER.flex_attention, (x,)),
        "higher-order operator that is not",
    ),
    "called by another": (
        lambda g, x: g.call_function(HIGHER.wrap_with_set_grad_enabled, (False, x, x)),
        "something else than a subgraph",
    ),
}


@pytest.mark.filterwarnings("ignore")  # of attributes that are not there
@pytest.mark.parametrize("case", STRAY)
def test_what_leads_out_of_the_module_is_refused(case: str) -> None:
    build, reason = STRAY[case]
    with pytest.raises(UnsafeCheckpoint, match=reason):
        refuse_stray(made(build), "prod", ())


def test_a_node_called_self_is_refused() -> None:
    module = inner()
    next(node for node in module.graph.nodes if node.op == "call_function").name = "self"
    with pytest.raises(UnsafeCheckpoint, match="has the name of something else"):
        refuse_stray(module, "prod", ())


def test_a_subgraph_that_leads_out_is_refused() -> None:
    module = made(lambda graph, x: graph.call_function(torch.ops.aten.neg.default, (x,)))
    module.add_module("part", made(lambda graph, _: graph.get_attr("to_folder")))
    with pytest.raises(UnsafeCheckpoint, match="fetches no tensor"):
        refuse_stray(module, "prod", ())


@pytest.mark.parametrize("path", ["layer.weight", "mean", "constant"])
def test_tensors_of_the_module_may_be_fetched(path: str) -> None:
    refuse_stray(
        made(lambda graph, x: graph.call_function(torch.ops.aten.add.Tensor, (x, graph.get_attr(path)))), "p", ()
    )


def test_an_operator_that_the_user_allows_may_be_called() -> None:
    module = made(lambda graph, x: graph.call_function(torch.ops.aten.set_.source_Tensor, (x, x)))
    refuse_stray(module, "prod", ("aten.set_",))


class Chooses(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            y = torch.cond(x.sum() > 0, lambda z: z * 2, lambda z: z - 1, (x,))
        return y.reshape(x.shape[0] * 3)


def test_programs_as_torch_makes_them_are_fine() -> None:
    batch = torch.export.Dim("batch", min=2, max=64)
    refuse_stray(torch.export.export(Chooses(), (ROWS,), dynamic_shapes=({0: batch},)).module(), "prod", ())
