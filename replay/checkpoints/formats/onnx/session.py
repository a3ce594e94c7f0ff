"""ONNX files, with onnxruntime (optional: ``pip install replay-engine[onnx]``).

onnxruntime copies the weights and rearranges some for its kernels, in each process. For a large model the optimised
graph and its arranged weights are written once a machine, as onnxruntime's own external data, which it maps and does
not copy.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.held import name_of
from replay.checkpoints.scorers.batching import ANY_BATCH, BatchSizes, common_sizes
from replay.checkpoints.scorers.calling import Arguments, refuse_unfit
from replay.checkpoints.scorers.scorer import Forward, OpenedModel, last_words
from replay.checkpoints.scorers.texts import texts_of
from replay.checkpoints.sharing.mapped_weights import worth_sharing
from replay.checkpoints.sharing.memory import release_memory
from replay.config.messages.wording import listing
from replay.config.sections.model.contract import ModelConfig
from replay.errors import CheckpointMismatch
from replay.files.private_cache import opening_lock, publish, remove, touch

_CPU = "CPUExecutionProvider"
_CUDA = "CUDAExecutionProvider"
_GRAPH = "model.onnx"
_WEIGHTS = "weights.bin"


def open_onnx(checkpoint: Checkpoint, model: ModelConfig, device: str) -> OpenedModel:
    """Open an ONNX model.

    A graph names its inputs, so ``keyword`` and ``dict`` calls are the same. A batch size that the graph fixes is
    respected: batches are cut and padded to it.

    Raises:
        CheckpointMismatch: onnxruntime is not installed or cannot load it, or it does not take what the config gives.
    """
    runtime = _runtime(checkpoint)
    on_gpu = device != "cpu" and _CUDA in runtime.get_available_providers()
    notes = () if on_gpu or device == "cpu" else ("this onnxruntime has no CUDA support: the model runs on the CPU",)
    try:
        session = _session_on_gpu(runtime, checkpoint, device) if on_gpu else _session(runtime, checkpoint)
    except Exception as error:  # onnxruntime's errors share no other base
        raise CheckpointMismatch(
            f"checkpoint {checkpoint.name!r}: onnxruntime {runtime.__version__} cannot load {checkpoint.path}: "
            f"{last_words(error)}"
        ) from error
    _refuse_unfit(session, model, checkpoint)
    # The session takes and gives memory of the CPU, wherever it computes.
    return OpenedModel(_forward(session, model), _batch_sizes(session, checkpoint), notes=notes)


def _runtime(checkpoint: Checkpoint) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own dependencies
            import onnxruntime
    except ImportError as error:
        raise CheckpointMismatch(
            f"checkpoint {checkpoint.name!r}: {checkpoint.path} is an ONNX model, and onnxruntime is not installed: "
            "pip install replay-engine[onnx]"
        ) from error
    return onnxruntime


def _options(runtime: Any) -> Any:
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # By its name, onnxruntime would read a file in a format of its own (.ort), of which nothing was examined.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    return options


def _model(checkpoint: Checkpoint) -> str:
    """Its file: held, but for one whose weights onnxruntime looks for beside it."""
    return name_of(checkpoint.path) if len(checkpoint.files) == 1 else checkpoint.path


def _session_on_gpu(runtime: Any, checkpoint: Checkpoint, device: str) -> Any:
    index = torch.device(device).index or 0
    return runtime.InferenceSession(
        _model(checkpoint), _options(runtime), providers=[(_CUDA, {"device_id": index}), _CPU]
    )


def _session(runtime: Any, checkpoint: Checkpoint) -> Any:
    """A session on the CPU, its weights mapped where the model is large enough and there is a place for them."""
    with opening_lock() as directory:
        if directory is None or not worth_sharing(checkpoint):
            return runtime.InferenceSession(_model(checkpoint), _options(runtime), providers=[_CPU])
        entry = directory / f"{checkpoint.sha256}-onnxruntime-{runtime.__version__}"
        if entry.is_dir():
            try:
                return _mapped_session(runtime, entry)
            except Exception:  # damaged, as a full disk may leave it; onnxruntime's errors share no other base
                remove(entry)
        _write_optimised(runtime, checkpoint, directory, entry)
        return _mapped_session(runtime, entry)


def _mapped_session(runtime: Any, entry: Path) -> Any:
    options = _options(runtime)
    # It was optimised when it was written.
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = runtime.InferenceSession(str(entry / _GRAPH), options, providers=[_CPU])
    touch(entry)
    return session


def _write_optimised(runtime: Any, checkpoint: Checkpoint, directory: Path, entry: Path) -> None:
    made = Path(tempfile.mkdtemp(dir=directory))
    try:
        options = _options(runtime)
        options.optimized_model_filepath = str(made / _GRAPH)
        options.add_session_config_entry("session.optimized_model_external_initializers_file_name", _WEIGHTS)
        options.add_session_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", "1024")
        options.add_session_config_entry("session.save_external_prepacked_constant_initializers", "1")
        runtime.InferenceSession(_model(checkpoint), options, providers=[_CPU])
        publish(directory, entry.name, made)
    finally:
        remove(made)
        release_memory()


def _refuse_unfit(session: Any, model: ModelConfig, checkpoint: Checkpoint) -> None:
    names = tuple(entry.name for entry in session.get_inputs())
    by_name = model if model.call == "positional" else model.model_copy(update={"call": "keyword"})
    refuse_unfit(Arguments(names, names, frozenset(names)), by_name, checkpoint.name)


def _forward(session: Any, model: ModelConfig) -> Forward:
    given = tuple(entry.name for entry in model.inputs)
    names = tuple(entry.name for entry in session.get_inputs()) if model.call == "positional" else given
    pairs = tuple(zip(names, given, strict=True))
    outputs = tuple(entry.name for entry in session.get_outputs())
    text = frozenset(entry.name for entry in model.inputs if entry.dtype == "string")

    def value(source: str, tensor: torch.Tensor) -> Any:
        return texts_of(tensor) if source in text else tensor.numpy()

    def forward(tensors: Mapping[str, torch.Tensor]) -> Any:
        answer = session.run(None, {name: value(source, tensors[source]) for name, source in pairs})
        named = {name: _as_tensors(value) for name, value in zip(outputs, answer, strict=True)}
        return next(iter(named.values())) if len(named) == 1 else named

    return forward


def _as_tensors(value: Any) -> Any:
    """An output as tensors; a list of dicts (classifiers answer ``[{class: probability}]``) as a dict of columns."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return {key: torch.tensor([row[key] for row in value]) for key in value[0]}
    if isinstance(value, list):
        return [_as_tensors(entry) for entry in value]
    return torch.from_numpy(value) if hasattr(value, "__array__") else value


def _batch_sizes(session: Any, checkpoint: Checkpoint) -> BatchSizes:
    inputs = {entry.name: entry.shape[0] for entry in session.get_inputs() if entry.shape}
    sizes = [BatchSizes(size, size) if isinstance(size, int) else ANY_BATCH for size in inputs.values()]
    common = common_sizes(sizes) if sizes else ANY_BATCH
    if common is None:
        found = listing(f"{name}: {size}" for name, size in inputs.items())
        raise CheckpointMismatch(
            f"checkpoint {checkpoint.name!r}: its inputs have different first dimensions ({found}), expected the rows "
            "of a batch: export it with a dynamic batch (`dynamic_shapes` or `dynamic_axes` of torch.onnx.export)"
        )
    return common
