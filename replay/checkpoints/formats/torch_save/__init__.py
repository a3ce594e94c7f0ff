"""Files of ``torch.save`` and plain pickles: weights for a factory's module, or a whole module."""

from __future__ import annotations

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.contents import Contents, listed
from replay.checkpoints.format import FORMATS, CheckpointFormat, Source
from replay.checkpoints.formats.torch_save.file import PolicyChoice, TorchFile, is_legacy, is_text_pickle, read_file
from replay.checkpoints.formats.torch_save.module import open_pickled
from replay.checkpoints.formats.torch_save.search import find_state
from replay.checkpoints.formats.torch_save.state_dicts import is_module, pickled_tensors
from replay.checkpoints.modules.assigning import open_weights
from replay.checkpoints.prefixes import model_weights
from replay.checkpoints.safety.allowlist import READ, Policy
from replay.checkpoints.safety.archives import Archive
from replay.checkpoints.safety.pickles import PickleWalk
from replay.checkpoints.safety.placeholders import describe
from replay.checkpoints.safety.storages import MappedFile
from replay.checkpoints.scorers.scorer import OpenedModel
from replay.config.sections.checkpoints import CheckpointConfig
from replay.config.sections.model.contract import ModelConfig
from replay.config.user_code import CodePlace
from replay.errors import CheckpointError, UnsafeCheckpoint

_OTHER_LIBRARIES = frozenset(
    ["sklearn", "xgboost", "lightgbm", "catboost", "keras", "tensorflow", "paddle", "jax", "flax"]
)
_SHARDED = ("torch.distributed._shard.", "torch.distributed._sharded_tensor.")


class StateDict(CheckpointFormat):
    """Weights by name, wherever a training script put them in the file."""

    name = "state_dict"
    words = "torch.save weights"
    needs_factory = True
    takes_text = True
    holds_pickles = True

    def recognize_archive(self, archive: Archive) -> str | None:
        """A zip with ``data.pkl``; a package of code is refused."""
        if ".data/extern_modules" in archive:
            raise UnsafeCheckpoint(
                f"{archive.file.path}: a torch.package archive, whose Python code would run when it is opened; save the"
                " weights alone, or export the model with torch.export.save"
            )
        return "torch.save archive" if "data.pkl" in archive else None

    def recognize_file(self, file: MappedFile) -> str | None:
        """The layout before torch 1.6, and pickles of any protocol."""
        if file.read(0, 1) == b"\x80" and file.read(1, 1) <= b"\x05":
            return "torch.save file of torch before 1.6" if is_legacy(file) else "pickle"
        return "pickle" if is_text_pickle(file) else None

    def read(self, source: Source, config: CheckpointConfig, *, allow_pickle: bool) -> Contents:
        """Read weights, or a whole module where the config has no factory."""
        place = str(source.path)
        file = read_file(source.file, _policy(place, config, allow_pickle))
        others = tuple(dict.fromkeys(name for each in file.pickles for name in each.walk.globals if name not in READ))
        if is_module(file.root) and config.factory is None:
            return _module_contents(file, place, others, allow_pickle)
        state = find_state(file.root, config.weights, place)
        model = model_weights(state.tensors, config.prefix, place, state.not_parameters, state.extras)
        return Contents(
            self.name,
            model.tensors,
            not_parameters=model.not_parameters,
            set_aside=(*state.set_aside, *model.set_aside, *others),
            executes=(f"factory {config.factory}",) if config.factory else (),
            pickles=file.pickles,
            extras=model.extras,
        )

    def open(self, checkpoint: Checkpoint, model: ModelConfig, device: str) -> OpenedModel:
        """Build the factory's module over the weights."""
        return open_weights(checkpoint, model, device)


class PickledModule(StateDict):
    """A whole module: recognized as weights are, and distinguished by what the file holds."""

    name = "pickled_module"
    words = ""
    needs_factory = False
    runs_code = True

    def open(self, checkpoint: Checkpoint, model: ModelConfig, device: str) -> OpenedModel:
        """Unpickle it, if the user allowed that."""
        return open_pickled(checkpoint, model, device)

    def own_code(self, checkpoint: Checkpoint) -> CodePlace | None:
        """What its pickle imports."""
        directories = (checkpoint.base_dir,) if checkpoint.base_dir else ()
        return CodePlace("", checkpoint.sha256, None, directories)


def _policy(place: str, config: CheckpointConfig, allow_pickle: bool) -> PolicyChoice:
    """The list for weights; for a module that the user allowed, the wider one."""

    def choose(walk: PickleWalk) -> Policy:
        if any(name.startswith(_SHARDED) for name in walk.globals):
            raise CheckpointError(
                f"{place}: it holds one rank's shards of tensors (ShardedTensor, as FSDP saves with "
                "`SHARDED_STATE_DICT`): save whole tensors, the result of "
                "torch.distributed.checkpoint.state_dict.get_model_state_dict with "
                "`StateDictOptions(full_state_dict=True, cpu_offload=True)`"
            )
        if walk.root is not None and walk.root.partition(".")[0] in _OTHER_LIBRARIES:
            raise CheckpointError(
                f"{place}: a pickled {walk.root}; replay opens torch and ONNX models, so convert it to ONNX"
            )
        module = walk.root is not None and walk.root not in READ
        return Policy.MODULE if allow_pickle and module and config.factory is None else Policy.WEIGHTS

    return choose


def _module_contents(file: TorchFile, place: str, others: tuple[str, ...], allow_pickle: bool) -> Contents:
    name = describe(file.root).removeprefix("class ")
    if not allow_pickle:
        raise UnsafeCheckpoint(
            f"{place}: a whole pickled module ({name}); opening it would import and run {listed(others)}. Save"
            " model.state_dict() instead, or give a `factory` (then only the weights are read, and nothing of it runs),"
            " or pass --allow-pickle if you trust the file"
        )
    tensors, buffers = pickled_tensors(file.root, place)
    return Contents(
        PickledModule.name,
        tensors,
        not_parameters=frozenset(buffers),
        executes=(f"pickled class {name} via --allow-pickle", *(f"import of {other}" for other in others)),
        pickles=file.pickles,
    )


FORMATS.register(StateDict.name, StateDict(), rank=50)
FORMATS.register(PickledModule.name, PickledModule(), rank=90)
