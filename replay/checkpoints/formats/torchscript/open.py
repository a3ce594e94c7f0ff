"""TorchScript files."""

from __future__ import annotations

from typing import Any, Final

import torch

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.formats.torchscript.internals import (
    graph_nodes,
    method_graphs,
    quiet_deprecation,
    script_tensors,
)
from replay.checkpoints.held import name_of
from replay.checkpoints.modules.replacing import replace_weights
from replay.checkpoints.safety.operators import allow_by_name, known_operator
from replay.checkpoints.scorers.calling import Arguments, bind, refuse_unfit
from replay.checkpoints.scorers.scorer import OpenedModel, last_words
from replay.checkpoints.sharing.mapped_weights import share_weights
from replay.config.sections.model.contract import ModelConfig
from replay.errors import CheckpointMismatch, UnsafeCheckpoint
from replay.files.private_cache import opening_lock

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
        own = replace_weights(module, script_tensors(module), checkpoint, directory)
        if device == "cpu":
            share_weights(own, checkpoint, directory)
    refuse_unfit(Arguments.of_script(module.forward), model, checkpoint.name)
    return OpenedModel(bind(module, model), device=device)


def _load(checkpoint: Checkpoint, device: str) -> torch.jit.ScriptModule:
    try:
        # Classes may set themselves up in code of the file's: it may switch gradients off, but not for this process.
        with quiet_deprecation(), torch.set_grad_enabled(torch.is_grad_enabled()):
            module: torch.jit.ScriptModule = torch.jit.load(  # type: ignore[no-untyped-call]
                name_of(checkpoint.path), map_location=device
            )
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
    for graph in method_graphs(module):
        for node in graph_nodes(graph):
            namespace, _, name = node.kind().partition("::")
            own = namespace == "prim" and name in _STRUCTURE
            if not own and not known_operator(namespace, name, checkpoint.config.operators):
                raise UnsafeCheckpoint(
                    f"checkpoint {checkpoint.name!r}: the code of {checkpoint.path} uses {namespace}.{name}, which is"
                    f" not an operator that replay knows. {allow_by_name(f'{namespace}.{name}')}"
                )
            if node.kind() == "prim::unchecked_cast" and not _is_sound(node):
                raise UnsafeCheckpoint(
                    f"checkpoint {checkpoint.name!r}: {checkpoint.path} casts {node.input().type()} to"
                    f" {node.output().type()}, which would read memory that is not its own. Nothing was called"
                )


def _is_sound(cast: Any) -> bool:
    """Whether a cast only says that an optional object is there; other values are compared where they are used."""
    given, made = cast.input().type(), cast.output().type()
    if given == made or (given.kind() == "OptionalType" and made.isSubtypeOf(given)):
        return True
    return "__torch__" not in f"{given.annotation_str} {made.annotation_str}" and "Any" not in made.annotation_str
