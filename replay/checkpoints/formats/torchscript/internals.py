"""What is used of TorchScript that torch does not promise to keep. ``test_internals.py`` says first what has changed.

- The compiled graphs of a module's methods are looked at through ``_c``, the object of C++ behind it. Were they no
  longer there, every TorchScript file would be refused or fail to open: none would be called unseen.
- Freezing makes constants of weights. Were they found no longer, weights would not be shared between processes.
- torch advises against TorchScript by warnings whose text begins with ``torch.jit.``.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from replay.checkpoints.sharing.mapped_weights import module_tensors


def method_graphs(module: torch.jit.ScriptModule) -> Iterator[Any]:
    """What every method of the module and its parts runs."""
    for part in module.modules():
        methods: Any = part._c
        for name in methods._method_names():
            # Inlined, it holds what it calls, but for what it calls through an interface.
            yield methods._get_method(name).inlined_graph


def graph_nodes(graph: Any) -> Iterator[Any]:
    """All nodes of a graph, also those of its branches and of tasks that it starts."""
    pending = [graph]
    while pending:
        part = pending.pop()
        for node in part.nodes():
            yield node
            pending.extend(node.blocks())
            if node.hasAttribute("Subgraph"):
                pending.append(node.g("Subgraph"))


def script_tensors(module: torch.jit.ScriptModule) -> Iterator[torch.Tensor]:
    """Every tensor of a module, also those that freezing turned into constants of the code."""
    yield from module_tensors(module)
    try:
        forward: Any = module.forward
        nodes = forward.graph.findAllNodes("prim::Constant")
    except (AttributeError, RuntimeError):  # forward() is not one method
        return
    for node in nodes:
        if node.hasAttribute("value") and node.kindOf("value") == "t":
            yield node.t("value")


@contextmanager
def quiet_deprecation() -> Iterator[None]:
    """Leave out torch's advice to move on to torch.export: who replays a file did not choose its format."""
    with warnings.catch_warnings():
        for category in (DeprecationWarning, FutureWarning):  # which one depends on torch's version
            warnings.filterwarnings("ignore", message=r".*torch\.jit\.", category=category)
        yield
