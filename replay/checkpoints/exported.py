"""torch.export archives (.pt2)."""

from __future__ import annotations

import itertools
from typing import Any

import torch

from replay.checkpoints.batches import BoundedScorer
from replay.checkpoints.calling import Call, argument_problem, bind
from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.scorer import ModuleScorer, Scorer
from replay.checkpoints.sharing import one_at_a_time, share
from replay.config.model import ModelConfig
from replay.errors import CheckpointMismatch


def open_exported(checkpoint: Checkpoint, model: ModelConfig, device: str, fingerprint: str) -> Scorer:
    """Open a .pt2 archive.

    Raises:
        CheckpointMismatch: It takes other arguments than the config gives.
    """
    with one_at_a_time(checkpoint.sha256) as directory:
        program = torch.export.load(checkpoint.path)
        low, high = _batch_limits(program)
        module = program.module()
        del program  # it holds a second reference to the weights
        tensors = dict(itertools.chain(module.named_parameters(), module.named_buffers()))
        share(tensors, f"{checkpoint.sha256}-export", directory)
    module.to(device)
    scorer = ModuleScorer(checkpoint.name, fingerprint, _bind(checkpoint, module, model), model.output, device)
    return scorer if (low, high) == (1, None) else BoundedScorer(scorer, low, high)


def _bind(checkpoint: Checkpoint, module: torch.nn.Module, model: ModelConfig) -> Call:
    """Call it as it was exported: arguments given by place or by name find theirs either way."""
    names, keywords = _argument_names(module)
    takes = [*names, *keywords]
    if model.call == "dict" or not takes:
        return bind(module, model)
    problem = argument_problem(model, takes, takes)
    if problem is not None:
        raise CheckpointMismatch(f"{checkpoint.name}: {problem}")
    given = [entry.name for entry in model.inputs]
    source = dict(zip(takes, given, strict=True)) if model.call == "positional" else {name: name for name in takes}
    return lambda tensors: module(
        *(tensors[source[name]] for name in names), **{name: tensors[source[name]] for name in keywords}
    )


def _argument_names(module: torch.nn.Module) -> tuple[list[str], list[str]]:
    """Names of the positional and of the keyword arguments that it was exported with; empty where it does not say."""
    graph = getattr(module, "graph", None)
    codegen = getattr(graph, "_codegen", None)
    info = getattr(codegen, "pytree_info", None)
    spec = getattr(info, "in_spec", None)
    if info is None or spec is None or not spec.children():
        return [], []
    positional, keyword = spec.children() if len(spec.children()) == 2 else (spec, None)
    keywords = list(keyword.context or []) if keyword is not None and keyword.type is dict else []
    names = [name for name in info.orig_args if name != "self" and name not in keywords]
    return names[: positional.num_children], keywords


def _batch_limits(program: torch.export.ExportedProgram) -> tuple[int, int | None]:
    """Fewest and most rows that the graph takes; None: no bound."""
    low, high = 1, None
    inputs = set(program.graph_signature.user_inputs)
    for node in program.graph.nodes:
        value = node.meta.get("val") if node.op == "placeholder" and node.name in inputs else None
        if not isinstance(value, torch.Tensor) or value.ndim == 0:
            continue
        rows = value.shape[0]
        if isinstance(rows, int):
            return rows, rows
        bounds = program.range_constraints.get(rows.node.expr)
        if bounds is not None:
            low = max(low, int(bounds.lower))
            upper = _finite(bounds.upper)
            high = upper if high is None else high if upper is None else min(high, upper)
    return low, high


def _finite(bound: Any) -> int | None:
    """An upper bound as a number; None for the infinities that stand for no bound."""
    try:
        number = int(bound)
    except (TypeError, ValueError, OverflowError, AttributeError):
        return None
    return number if number < 2**31 else None
