"""torch.export files (.pt2)."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import torch
from torch.export import ExportedProgram
from torch.export.passes import move_to_device_pass
from torch.utils import _pytree as pytree

from replay.checkpoints.checkpoint import Checkpoint, structure_of
from replay.checkpoints.formats.torch_export.archive import not_needed
from replay.checkpoints.formats.torch_export.internals import (
    child_specs,
    positional_names,
    put_plain_examples,
    quiet_failures,
    reading_onto_cpu,
    size_range,
)
from replay.checkpoints.formats.torch_export.module import refuse_stray
from replay.checkpoints.modules.replacing import replace_weights
from replay.checkpoints.safety.archives import Archive
from replay.checkpoints.safety.masked import MaskedFile
from replay.checkpoints.safety.storages import MappedFile
from replay.checkpoints.scorers.batching import ANY_BATCH, BatchSizes, common_sizes
from replay.checkpoints.scorers.calling import Arguments, refuse_unfit
from replay.checkpoints.scorers.scorer import Forward, OpenedModel, last_words
from replay.checkpoints.sharing.mapped_weights import module_tensors, share_weights
from replay.config.messages.wording import listing, suggestion
from replay.config.names import nearest
from replay.config.sections.model.contract import ModelConfig
from replay.errors import CheckpointMismatch
from replay.files.private_cache import opening_lock
from replay.memo import remembered


def open_exported(checkpoint: Checkpoint, model: ModelConfig, device: str) -> OpenedModel:
    """Open a program of torch.export.

    A batch size that the export fixed or bounded is respected: batches are cut and padded to it.

    Raises:
        CheckpointMismatch: torch cannot load it, or it does not take what the config gives.
        UnsafeCheckpoint: What torch made of it reaches outside of the model.
    """
    with opening_lock() as directory:
        if checkpoint.recipe is None:
            program = _open_file(checkpoint, model, device, directory)
            return OpenedModel(program.call.on(program.module), program.batch, device)
        inputs = tuple(entry.name for entry in model.inputs)
        structure = structure_of(checkpoint)
        key = ("program", structure.path, structure.sha256, device, model.call, inputs, checkpoint.config.operators)
        program, _ = remembered(key, lambda: _open_file(structure, model, device, directory))
        module = _copied(program.module)
        replace_weights(module, module_tensors(module), checkpoint, directory)
    return OpenedModel(program.call.on(module), program.batch, device)


@dataclass(frozen=True)
class _Program:
    """What a file was opened to.

    Attributes:
        call: How the module is called.
        batch: Numbers of rows that it takes.
        module: Its weights are those of the file.
    """

    call: _Call
    batch: BatchSizes
    module: torch.nn.Module


def _open_file(checkpoint: Checkpoint, model: ModelConfig, device: str, directory: Path | None) -> _Program:
    program = _load(checkpoint, device)
    call = _call(program, model, checkpoint)
    batch = _batch_sizes(program, checkpoint)
    module = _module(program, checkpoint)
    refuse_stray(module, checkpoint.name, checkpoint.config.operators)
    del program
    if device == "cpu":
        share_weights(module_tensors(module), checkpoint, directory)
    return _Program(call, batch, module)


def _copied(module: torch.nn.Module) -> torch.nn.Module:
    """A module with tensors of its own over the same memory: they can be given other memory."""
    own = {id(tensor): _over_same_memory(tensor) for tensor in module_tensors(module)}
    return copy.deepcopy(module, own)


def _over_same_memory(tensor: torch.Tensor) -> torch.Tensor:
    plain = tensor.detach()
    if isinstance(tensor, torch.nn.Parameter):
        return torch.nn.Parameter(plain, requires_grad=tensor.requires_grad)
    return plain


def _load(checkpoint: Checkpoint, device: str) -> ExportedProgram:
    with quiet_failures() as causes:
        try:
            with reading_onto_cpu(), _needed(checkpoint) as file:
                program = torch.export.load(cast("IO[bytes]", file))
            put_plain_examples(program)
            return program if device == "cpu" else move_to_device_pass(program, device)
        except (RuntimeError, ValueError, AssertionError, KeyError, TypeError, AttributeError) as error:
            raise CheckpointMismatch(
                f"checkpoint {checkpoint.name!r}: torch {torch.__version__} cannot load {checkpoint.path}: "
                f"{last_words(causes[-1] if causes else error)}\n  an unknown operator needs the package that it comes "
                "from; a file of a newer torch needs that torch"
            ) from error


def _needed(checkpoint: Checkpoint) -> MaskedFile:
    """The file as far as scoring needs it: torch would unpickle the sample inputs, whatever they are."""
    path = Path(checkpoint.path)
    archive = Archive(MappedFile(path))
    return MaskedFile(path, archive.without(not_needed(archive)))


def _module(program: ExportedProgram, checkpoint: Checkpoint) -> torch.nn.Module:
    try:
        module: torch.nn.Module = program.module()
        return module
    except Exception as error:  # of source that torch has made of names that do not fit together
        raise CheckpointMismatch(
            f"checkpoint {checkpoint.name!r}: torch {torch.__version__} makes no module of {checkpoint.path}: "
            f"{last_words(error)}\n  export the model again"
        ) from error


@dataclass(frozen=True)
class _Call:
    """How a program is called: it takes each argument only in the way in which it was exported.

    Attributes:
        positional: Input of each positional argument; of a dict argument, its inputs.
        keyword: The same by name.
    """

    positional: tuple[str | tuple[str, ...], ...]
    keyword: tuple[tuple[str, str | tuple[str, ...]], ...]

    def on(self, module: torch.nn.Module) -> Forward:
        def value(inputs: str | tuple[str, ...], tensors: Mapping[str, torch.Tensor]) -> Any:
            return tensors[inputs] if isinstance(inputs, str) else {name: tensors[name] for name in inputs}

        def forward(tensors: Mapping[str, torch.Tensor]) -> Any:
            return module(
                *[value(inputs, tensors) for inputs in self.positional],
                **{name: value(inputs, tensors) for name, inputs in self.keyword},
            )

        return forward


def _call(program: ExportedProgram, model: ModelConfig, checkpoint: Checkpoint) -> _Call:
    """Match the config's inputs with the program's arguments."""
    by_place, by_name = child_specs(program.call_spec.in_spec)
    positional, keyword = child_specs(by_place), child_specs(by_name)
    keyword_names = tuple(by_name.context or ())
    names = (*positional_names(program, len(positional)), *keyword_names)
    specs = (*positional, *keyword)
    if model.call == "dict":
        inputs: list[str | tuple[str, ...]] = [_dict_inputs(names, specs, model, checkpoint)]
    else:
        dicts = [name for name, spec in zip(names, specs, strict=True) if not spec.is_leaf()]
        if dicts:
            raise CheckpointMismatch(
                f"checkpoint {checkpoint.name!r}: the program takes {listing(dicts)} as a dict or list of tensors, and "
                f"the config gives tensors one by one (`call: {model.call}`): use `call: dict`"
            )
        arguments = Arguments(names, names, frozenset(names))
        refuse_unfit(arguments, model, checkpoint.name)
        given = [entry.name for entry in model.inputs]
        inputs = list(names) if model.call == "keyword" else list(given)
    return _Call(tuple(inputs[: len(positional)]), tuple(zip(keyword_names, inputs[len(positional) :], strict=True)))


def _dict_inputs(
    names: tuple[str, ...], specs: tuple[pytree.TreeSpec, ...], model: ModelConfig, checkpoint: Checkpoint
) -> tuple[str, ...]:
    """Inputs of the one dict argument, in the order of the export."""
    prefix = f"checkpoint {checkpoint.name!r}: "
    if len(specs) != 1 or specs[0].type is not dict:
        raise CheckpointMismatch(
            f"{prefix}the program takes ({listing(names)}), and `call: dict` gives it one dict: use `call: positional` "
            "or `call: keyword`"
        )
    keys = tuple(specs[0].context)
    given = [entry.name for entry in model.inputs]
    left = [key for key in keys if key not in given]
    unknown = [name for name in given if name not in keys]
    problems = [
        f"{prefix}the program's dict has no key `{name}`{suggestion(nearest(name, left))}; its keys are {listing(keys)}"
        for name in unknown
    ]
    problems += [f"{prefix}the program needs a key `{key}`, which no input gives" for key in left]
    if problems:
        raise CheckpointMismatch("\n".join(problems))
    return keys


def _batch_sizes(program: ExportedProgram, checkpoint: Checkpoint) -> BatchSizes:
    """Numbers of rows that every input's first dimension allows."""
    users = set(program.graph_signature.user_inputs)
    sizes = [
        _sizes(value.shape[0], program)
        for node in program.graph.nodes
        if node.op == "placeholder" and node.name in users
        for value in [node.meta.get("val")]
        if isinstance(value, torch.Tensor) and value.dim() > 0
    ]
    common = common_sizes(sizes) if sizes else ANY_BATCH
    if common is None:
        raise CheckpointMismatch(
            f"checkpoint {checkpoint.name!r}: its inputs have different first dimensions, expected the batch's rows: "
            "export it with a dynamic batch, `dynamic_shapes={'x': {0: torch.export.Dim('batch')}, ...}`"
        )
    return common


def _sizes(dimension: int | torch.SymInt, program: ExportedProgram) -> BatchSizes:
    """Sizes of one dimension: fixed, or ``factor * symbol`` with the symbol in a range."""
    if isinstance(dimension, int):
        return BatchSizes(dimension, dimension)
    found = size_range(dimension, program)
    if found is None:
        return ANY_BATCH
    step, low, high = found
    low = max(low, 1 if step > 1 else 2)
    if high is not None:
        low = min(low, high)
    return BatchSizes(step * low, None if high is None else step * high, step)
