"""What is known of a checkpoint without running any of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from replay.config.sections.checkpoints import CheckpointConfig
from replay.config.sections.model.contract import ModelConfig


@dataclass(frozen=True)
class CheckpointFile:
    """One file of a checkpoint.

    Attributes:
        path: Absolute local path.
        size: In bytes.
        sha256: Of the whole file, in lower-case hex.
    """

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class TensorInfo:
    """A tensor that the checkpoint stores.

    Attributes:
        name: As in the state dict, with ``module.`` and ``_orig_mod.`` prefixes stripped.
        shape: Sizes of its dimensions.
        dtype: torch's name without ``torch.``: ``float32``, ``bfloat16``, ``int64``.
        parameter: True where the file stores it as a parameter or does not say; False for a buffer or constant.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    parameter: bool = True


@dataclass(frozen=True)
class TensorSpec:
    """An input or output, as far as the file describes it.

    Attributes:
        name: As the file calls it; empty where it does not.
        dtype: torch's name without ``torch.``, or None where the file does not say (TorchScript).
        shape: Sizes of its dimensions: a number, a name for a dynamic one; None where the file does not say.
    """

    name: str
    dtype: str | None = None
    shape: tuple[int | str, ...] | None = None


@dataclass(frozen=True)
class Signature:
    """Inputs and outputs, in order, as far as the file describes them.

    Attributes:
        inputs: Flat: the tensors inside a dict or list argument come one by one, named as the file does.
        outputs: Flat, as the inputs; the name is the key or index of the output.
        structure: How the answer is built: ``tensor``, ``tuple``, ``list``, ``dict``, or empty where unknown.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    structure: str = ""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was examined: small and picklable, so that it can be sent to workers instead of the model.

    Attributes:
        name: Under ``checkpoints`` in the config.
        path: Absolute local path of the file; of the directory or index where safetensors come in shards.
        format: Name in ``FORMATS``, recognized by content.
        sha256: Of the file; of several files, a hash over their ordered names and hashes; of a derived or spliced one,
            a hash over the recipe and its sources' hashes.
        files: Every file that it consists of, those of all its sources.
        config: As in the config file; of a derived or spliced one, that of the file whose structure it has.
        base_dir: Directory that relative module factories are looked up from.
        parameters: Elements of all tensors of the model (state dict entries), shared ones counted once a name.
        parameters_by_dtype: The same, by dtype name.
        tensors: All of them, in the order of the file.
        set_aside: What a training checkpoint carried beside the weights and was not read: ``optimizer (dict)``,
            ``class my_team.Config``.
        executes: What opening it would run; empty where weights are only copied.
        signature: Inputs and outputs, for torch.export, TorchScript and ONNX.
        allow_pickle: Whether the user allowed a pickled module to be loaded.
        non_finite: Tensors with NaN or Inf and how many; empty unless the user allowed them, or the recipe made them.
        recipe: How its weights come from those of other checkpoints, or None where they are the file's.
        origin: URL of what ``path`` is a copy of; empty where it is no copy.
        registered: The version of a model by which mlflow knows it; empty where it was given by path.
    """

    name: str
    path: str
    format: str
    sha256: str
    files: tuple[CheckpointFile, ...]
    config: CheckpointConfig
    base_dir: str
    parameters: int
    parameters_by_dtype: dict[str, int]
    tensors: tuple[TensorInfo, ...]
    set_aside: tuple[str, ...] = ()
    executes: tuple[str, ...] = ()
    signature: Signature | None = None
    allow_pickle: bool = False
    non_finite: tuple[tuple[str, int], ...] = ()
    recipe: Recipe | None = None
    origin: str = ""
    registered: str = ""

    @property
    def place(self) -> str:
        """Where a user finds it: its path, the URL that it was fetched from, or its name in mlflow."""
        return self.registered or self.origin or self.path

    def contract(self, model: ModelConfig) -> ModelConfig:
        """The contract that it reads rows by: its own, where it has one, else the config's ``model``."""
        own = self.config.model
        return model if own is None or self.config.owner is None else own

    @property
    def is_folder(self) -> bool:
        """Whether its path is that of a folder around its files."""
        return self.recipe is None and all(file.path.startswith(f"{self.path}/") for file in self.files)

    def places(self) -> dict[str, str]:
        """Where a user finds each of its files, by the file's path."""
        if self.recipe is not None:
            return {path: place for source in self.recipe.sources for path, place in source.places().items()}
        here, there = (self.path, self.origin) if self.is_folder else map(_folder, (self.path, self.origin))
        return {file.path: f"{there}{file.path[len(here) :]}" if self.origin else file.path for file in self.files}

    def placed_files(self) -> tuple[CheckpointFile, ...]:
        """Its files, each with the place where a user finds it for its path."""
        places = self.places()
        return tuple(replace(file, path=places[file.path]) for file in self.files)


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


class Recipe(Protocol):
    """How the weights of a checkpoint come from those of others; as text, in words."""

    @property
    def sources(self) -> tuple[Checkpoint, ...]:
        """The others. The first gives the structure, and whatever the recipe leaves alone."""
        ...

    @property
    def sha256(self) -> str:
        """Of all that decides the weights."""
        ...

    def of(self, sources: tuple[Checkpoint, ...]) -> Recipe:
        """The same of other copies of the sources."""
        ...


def structure_of(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint whose file has the structure: of one that is made of others, the first source's."""
    while checkpoint.recipe is not None:
        checkpoint = checkpoint.recipe.sources[0]
    return checkpoint
