"""Models as mlflow saves them: a folder with a description, in which one file is the checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from replay.checkpoints.contents import listed
from replay.config.plain import mapping
from replay.errors import CheckpointError
from replay.files.reading import entry_names, open_input

DESCRIPTION: Final = "MLmodel"
_MOST_BYTES: Final = 1 << 20
_MOST_SHOWN: Final = 40
_OF_TORCH: Final = ("model.pt2", "model.pth", "model.pt")


def saved_file(folder: str) -> str | None:
    """The checkpoint in a folder that mlflow wrote; None for any other folder.

    Args:
        folder: Path or URL.

    Raises:
        CheckpointError: It is of another kind, or the file is missing.
        OSError: It cannot be read.
    """
    folder = folder.rstrip("/")
    if DESCRIPTION not in entry_names(folder):
        return None
    flavors = mapping(_description(f"{folder}/{DESCRIPTION}").get("flavors"))
    for place in _places(flavors):
        *parts, name = place.split("/")
        if ".." not in parts and name in entry_names("/".join([folder, *parts])):
            return f"{folder}/{place}"
    found = listed(str(flavor)[:_MOST_SHOWN] for flavor in sorted(flavors, key=str)) or "none"
    raise CheckpointError(
        f"{folder}: a model of MLflow with the flavors {found}, expected a file of `pytorch` or `onnx` in it: give the "
        "file that is meant"
    )


def _places(flavors: Mapping[str, Any]) -> Iterator[str]:
    torch, onnx = mapping(flavors.get("pytorch")), mapping(flavors.get("onnx"))
    if torch:
        yield from (f"{torch.get('model_data', 'data')}/{name}" for name in _OF_TORCH)
    if onnx:
        yield str(onnx.get("data", "model.onnx"))


def _description(path: str) -> dict[str, Any]:
    with open_input(path) as file:
        if file.size() > _MOST_BYTES:
            raise CheckpointError(f"{path}: found {file.size():,} bytes, expected the short description of a model")
        text = bytes(file.read())
    try:
        return mapping(yaml.safe_load(text))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise CheckpointError(f"{path}: cannot be read as the description of a model; log it again") from error
