"""What a folder is that is no checkpoint as it stands: those that training libraries write, with what to do."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from replay.checkpoints.contents import listed


def describe_folder(folder: Path) -> str:
    """What a folder looks like and what to give in its place, for a message.

    Args:
        folder: One that no format takes.
    """
    names = sorted(child.name for child in folder.iterdir())
    for looks_so, words in _KNOWN:
        if looks_so(names):
            return words.format(folder=shlex.quote(str(folder)))
    inside = next((child for child in sorted(folder.iterdir()) if child.is_dir() and _known(child)), None)
    if inside is not None:
        return f"a folder around {inside.name}, which is {describe_folder(inside)}"
    weights = [name for name in names if name.endswith((".pt", ".pth", ".ckpt", ".bin", ".onnx", ".pt2"))]
    if weights:
        return f"a folder with {listed(weights)}: give the file"
    return f"a folder with {listed(names)}" if names else "an empty folder: the copy failed"


def _known(folder: Path) -> bool:
    names = [child.name for child in folder.iterdir()]
    return any(looks_so(names) for looks_so, _ in _KNOWN)


def _has(*wanted: str) -> Callable[[Iterable[str]], bool]:
    return lambda names: not set(wanted).isdisjoint(names)


def _any(*ends: str) -> Callable[[Iterable[str]], bool]:
    return lambda names: any(name.endswith(ends) for name in names)


_KNOWN: Final[tuple[tuple[Callable[[list[str]], bool], str], ...]] = (
    (
        _has(".metadata"),
        "a distributed checkpoint (torch.distributed.checkpoint, as FSDP, Lightning and torchtitan write): make one "
        "file of it, and give that:\n"
        "  python -m torch.distributed.checkpoint.format_utils dcp_to_torch {folder} weights.pt",
    ),
    (
        _any(".distcp"),
        "a distributed checkpoint (torch.distributed.checkpoint) without its `.metadata`: copy that file as well, "
        "which says what lies where",
    ),
    (
        _has("zero_to_fp32.py"),
        "a DeepSpeed checkpoint: its own script makes weights of it; give what that writes:\n"
        "  python {folder}/zero_to_fp32.py {folder} weights",
    ),
    (
        _any("_model_states.pt", "_optim_states.pt"),
        "the shards of a DeepSpeed checkpoint: run `zero_to_fp32.py`, which DeepSpeed writes into the folder above, "
        "and give what that writes",
    ),
    (
        _has("saved_model.pb"),
        "a TensorFlow SavedModel: export it to ONNX, or save its weights as safetensors",
    ),
    (
        _has("pytorch_model.bin.index.json"),
        "shards of torch.save: save them as safetensors (`model.save_pretrained(folder)` of transformers does)",
    ),
    (
        _has("latest_checkpointed_iteration.txt"),
        "a checkpoint of Megatron: convert it to one file with its own tools, and give that",
    ),
)
"""How the names in a folder give it away, and what it is."""
