"""TorchScript files."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch

from replay.checkpoints.calling import Arguments, bind, refuse_unfit
from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.operators import allow_by_name, known_operator
from replay.checkpoints.private_cache import opening_lock
from replay.checkpoints.replacing import replace_weights
from replay.checkpoints.scorer import OpenedModel, last_words
from replay.checkpoints.sharing import module_tensors, share_weights
from replay.config.model import ModelConfig
from replay.errors import CheckpointMismatch, UnsafeCheckpoint

_STRUCTURE: Final = frozenset(
    [
        *("Constant", "GetAttr", "SetAttr", "CallMethod", "CallFunction", "CreateObject", "Function", "If", "Loop"),
        *("ListConstruct", "ListUnpack", "TupleConstruct", "TupleSlice", "DictConstruct", "Print", "isinstance"),
        *("fork", "forkClosure", "Closure", "awaitable", "awaitableClosure", "Enter", "Exit"),
    ]
)
"""What programs are built of beside operators, in the namespace ``prim`` of their graph."""


def open_torchscript(checkpoint: Checkpoint, model: ModelConfig, device: str) -> OpenedModel:
    """Open a scripted or traced module, frozen or not.

    Raises:
        CheckpointMismatch: TorchScript cannot load it, or forward() does not take what the config gives.
        UnsafeCheckpoint: Compiled, it calls what its source did not show.
    """
    with opening_lock() as directory:
        module = _load(checkpoint, device)
        _refuse_unknown(module, checkpoint)
        own = replace_weights(module, _tensors(module), checkpoint, directory)
        if device == "cpu":
            share_weights(own, checkpoint, directory)
    refuse_unfit(Arguments.of_script(module.forward), model, checkpoint.name)
    return OpenedModel(bind(module, model), device=device)


def _load(checkpoint: Checkpoint, device: str) -> torch.jit.ScriptModule:
    try:
        # Classes may set themselves up in code of the file's: it may switch gradients off, but not for this process.
        with quiet_deprecation(), torch.set_grad_enabled(torch.is_grad_enabled()):
            module: torch.jit.ScriptModule = torch.jit.load(checkpoint.path, map_location=device)  # type: ignore[no-untyped-call]
            module.eval()
            return module
    except (RuntimeError, ValueError) as error:
        raise CheckpointMismatch(
            f"checkpoint {checkpoint.name!r}: TorchScript cannot load {checkpoint.path}: {last_words(error)}\n"
            "  an operator that is not known needs the package that it comes from, or a newer torch"
        ) from error


def _refuse_unknown(module: torch.jit.ScriptModule, checkpoint: Checkpoint) -> None:
    """Look once more, at what torch made of the source: nothing of it has been called yet.

    Raises:
        UnsafeCheckpoint: forward() would call an operator that is not known.
    """
    try:
        graph = module.inlined_graph
    except (AttributeError, RuntimeError):  # forward() is not one method
        return
    pending: list[Any] = [graph]
    while pending:
        for node in pending.pop().nodes():
            namespace, _, name = node.kind().partition("::")
            own = namespace == "prim" and name in _STRUCTURE
            if not own and not known_operator(namespace, name, checkpoint.config.operators):
                raise UnsafeCheckpoint(
                    f"checkpoint {checkpoint.name!r}: forward() of {checkpoint.path} uses {namespace}.{name}, which is"
                    f" not an operator that replay knows. {allow_by_name(f'{namespace}.{name}')}"
                )
            pending.extend(node.blocks())


def _tensors(module: torch.jit.ScriptModule) -> Iterator[torch.Tensor]:
    """Every tensor of a module. Freezing turns parameters into constants of the code."""
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
