"""Read any checkpoint's insides without running any of it: the one place that knows every reader."""

from __future__ import annotations

from pathlib import Path

from replay.checkpoints.checkpoint import Format
from replay.checkpoints.contents import Contents, listed
from replay.checkpoints.formats.onnx.file import external_files, read_onnx
from replay.checkpoints.formats.safetensors import read_safetensors, safetensors_files
from replay.checkpoints.formats.sniff import Kind
from replay.checkpoints.formats.state_dicts import find_state, is_module, module_tensors
from replay.checkpoints.formats.torch_export.archive import read_export
from replay.checkpoints.formats.torch_save import PolicyChoice, TorchFile, read_archive, read_legacy, read_pickle
from replay.checkpoints.formats.torchscript.archive import read_script
from replay.checkpoints.safety.allowlist import READ, Policy
from replay.checkpoints.safety.archives import Archive
from replay.checkpoints.safety.pickles import PickleWalk
from replay.checkpoints.safety.placeholders import describe
from replay.checkpoints.safety.storages import MappedFile
from replay.config.sections.checkpoints import CheckpointConfig
from replay.errors import CheckpointError, UnsafeCheckpoint

_OTHER_LIBRARIES = frozenset(
    ["sklearn", "xgboost", "lightgbm", "catboost", "keras", "tensorflow", "paddle", "jax", "flax"]
)


def checkpoint_files(path: Path, kind: Kind) -> tuple[Path, ...]:
    """Every file that a checkpoint consists of, the one that is opened first.

    Args:
        path: File, index or folder.
        kind: As sniffed.
    """
    if kind is Kind.SAFETENSORS:
        return safetensors_files(path)
    if kind is Kind.ONNX:
        return (path, *external_files(path))
    return (path,)


def read_contents(path: Path, config: CheckpointConfig, kind: Kind, *, allow_pickle: bool) -> Contents:
    """Read a checkpoint; its tensors share memory with the file.

    Args:
        path: File, index or folder.
        config: Tells of a factory, and where in the file the weights are.
        kind: As sniffed.
        allow_pickle: Whether a whole pickled module may be opened later.

    Raises:
        CheckpointError: It is refused, with the reason; see its subclasses.
    """
    if kind is Kind.SAFETENSORS:
        return read_safetensors(path)
    if kind is Kind.ONNX:
        return read_onnx(path, config.operators)
    file = MappedFile(path)
    if kind in (Kind.EXPORT, Kind.SCRIPT, Kind.TORCH_ZIP):
        archive = Archive(file)
        archive.check_sums()
        if kind is Kind.EXPORT:
            return read_export(archive, config.operators)
        if kind is Kind.SCRIPT:
            return read_script(archive, config.operators)
        return _torch_contents(read_archive(archive, _policy(path, config, allow_pickle)), path, config, allow_pickle)
    read = read_legacy if kind is Kind.TORCH_LEGACY else read_pickle
    return _torch_contents(read(file, _policy(path, config, allow_pickle)), path, config, allow_pickle)


def _policy(path: Path, config: CheckpointConfig, allow_pickle: bool) -> PolicyChoice:
    """The list for weights; for a module that the user allowed, the wider one."""

    def choose(walk: PickleWalk) -> Policy:
        if walk.root is not None and walk.root.partition(".")[0] in _OTHER_LIBRARIES:
            raise CheckpointError(
                f"{path}: a pickled {walk.root}; replay opens torch and ONNX models, so convert it to ONNX"
            )
        module = walk.root is not None and walk.root not in READ
        return Policy.MODULE if allow_pickle and module and config.factory is None else Policy.WEIGHTS

    return choose


def _torch_contents(file: TorchFile, path: Path, config: CheckpointConfig, allow_pickle: bool) -> Contents:
    others = tuple(dict.fromkeys(name for found in file.pickles for name in found.walk.globals if name not in READ))
    if is_module(file.root) and config.factory is None:
        return _module_contents(file, path, others, allow_pickle)
    state = find_state(file.root, config.weights, str(path))
    return Contents(
        Format.STATE_DICT,
        state.tensors,
        not_parameters=state.not_parameters,
        set_aside=(*state.set_aside, *others),
        executes=(f"factory {config.factory}",) if config.factory else (),
        pickles=file.pickles,
    )


def _module_contents(file: TorchFile, path: Path, others: tuple[str, ...], allow_pickle: bool) -> Contents:
    name = describe(file.root).removeprefix("class ")
    if not allow_pickle:
        raise UnsafeCheckpoint(
            f"{path}: a whole pickled module ({name}); opening it would import and run {listed(others)}. Save"
            " model.state_dict() instead, or give a `factory` (then only the weights are read, and nothing of it runs),"
            " or pass --allow-pickle if you trust the file"
        )
    tensors, buffers = module_tensors(file.root, str(path))
    return Contents(
        Format.PICKLED_MODULE,
        tensors,
        not_parameters=frozenset(buffers),
        executes=(f"pickled class {name} via --allow-pickle", *(f"import of {other}" for other in others)),
        pickles=file.pickles,
    )
