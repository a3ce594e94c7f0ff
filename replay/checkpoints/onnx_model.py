"""ONNX files, through onnxruntime (extra ``onnx``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from replay.checkpoints.calling import argument_problem
from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.scorer import ModuleScorer, Scorer
from replay.config.model import ModelConfig
from replay.errors import CheckpointMismatch


def open_onnx(checkpoint: Checkpoint, model: ModelConfig, device: str, fingerprint: str) -> Scorer:
    """Open an ONNX file. Its weights are private to the process: onnxruntime packs them for its kernels.

    Raises:
        CheckpointMismatch: onnxruntime is not installed, cannot open it, or it takes other inputs.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise CheckpointMismatch(
            f"{checkpoint.name}: reading ONNX needs onnxruntime: pip install 'replay-engine[onnx]'"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    available = onnxruntime.get_available_providers()
    wanted = ["CUDAExecutionProvider"] if device.startswith("cuda") and "CUDAExecutionProvider" in available else []
    try:
        session = onnxruntime.InferenceSession(checkpoint.path, options, providers=[*wanted, "CPUExecutionProvider"])
    except Exception as error:
        raise CheckpointMismatch(f"{checkpoint.name}: onnxruntime cannot open it: {error}") from error
    takes = [entry.name for entry in session.get_inputs()]
    answers = [entry.name for entry in session.get_outputs()]
    # The inputs of a graph have names: a dict of them is what it takes.
    contract = model.model_copy(update={"call": "keyword"}) if model.call == "dict" else model
    problem = argument_problem(contract, takes, takes)
    if problem is not None:
        raise CheckpointMismatch(f"{checkpoint.name}: {problem}")
    given = takes if model.call == "positional" else None

    def call(tensors: Mapping[str, torch.Tensor]) -> Any:
        arrays = {name: tensor.numpy(force=True) for name, tensor in tensors.items()}
        if given is not None:
            arrays = dict(zip(given, (arrays[entry.name] for entry in model.inputs), strict=True))
        try:
            found = session.run(None, arrays)
        except Exception as error:
            raise RuntimeError(str(error)) from error
        outputs = [torch.from_numpy(one) for one in found]
        named = isinstance(_first(model.output.select), str)
        return (
            dict(zip(answers, outputs, strict=True)) if named else outputs[0] if len(outputs) == 1 else tuple(outputs)
        )

    return ModuleScorer(checkpoint.name, fingerprint, call, model.output)


def _first(select: Any) -> Any:
    return select[0] if isinstance(select, tuple) and select else select
