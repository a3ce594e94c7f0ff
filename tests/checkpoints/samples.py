"""Real checkpoints, and hostile ones made from them."""

from __future__ import annotations

import io
import os
import pickle
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn


class Tower(nn.Module):
    """A model with an embedding, a linear layer and a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.emb = nn.Embedding(10, 4)
        self.out = nn.Linear(4, 1)
        self.register_buffer("scale", torch.tensor([1.0, 2.0, 3.0]))

    def forward(self, ids: torch.Tensor, dense: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.out(self.emb(ids) + dense)).squeeze(-1)


EXAMPLE = (torch.zeros(3, dtype=torch.long), torch.ones(3, 4))


class Touch:
    """Pickles into a call that writes the canary, were it ever unpickled."""

    def __init__(self, canary: Path, function: Callable[..., Any] = os.system, argument: str | None = None) -> None:
        self.function = function
        self.argument = argument if argument is not None else f"touch {canary}"

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, ...]]:
        return self.function, (self.argument,)


def tower(seed: int = 0) -> Tower:
    torch.manual_seed(seed)
    return Tower().eval()


@contextmanager
def torchscript_allowed() -> Iterator[None]:
    """TorchScript is deprecated, but people have it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*torch\.jit.*", category=DeprecationWarning)
        warnings.filterwarnings("ignore", message=r".*torch\.jit.*", category=FutureWarning)
        yield


def save_script(path: Path, *, trace: bool = False, freeze: bool = False) -> Tower:
    model = tower()
    with torchscript_allowed():
        script = torch.jit.trace(model, EXAMPLE) if trace else torch.jit.script(model)
        torch.jit.save(torch.jit.freeze(script) if freeze else script, str(path))
    return model


def save_export(path: Path) -> Tower:
    model = tower()
    batch = torch.export.Dim("batch")
    program = torch.export.export(model, EXAMPLE, dynamic_shapes=({0: batch}, {0: batch}))
    torch.export.save(program, path)
    return model


def save_legacy(value: Any, path: Path) -> None:
    torch.save(value, path, _use_new_zipfile_serialization=False)


def read_entries(path: Path) -> dict[str, bytes]:
    """The entries of a zip, in order."""
    with zipfile.ZipFile(path) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def write_entries(
    path: Path, entries: dict[str, bytes] | list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED
) -> None:
    """A zip of plain stored entries."""
    pairs = list(entries.items()) if isinstance(entries, dict) else entries
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", method) as archive:
        warnings.filterwarnings("ignore", message="Duplicate name")
        for name, content in pairs:
            archive.writestr(name, content)


def edit_entry(path: Path, ending: str, edit: Callable[[bytes], bytes]) -> None:
    """Change the one entry whose name ends so, everything else kept.

    Code of a class that this process has scripted before lies in a module of its own, ``___torch_mangle_0.py``.
    """
    entries = read_entries(path)
    (name,) = [name for name in entries if re.sub(r"/___torch_mangle_\d+(?=\.py)", "", name).endswith(ending)]
    entries[name] = edit(entries[name])
    write_entries(path, entries)


def old_layout(path: Path, exported: Path) -> None:
    """An archive of torch.export again, as torch before 2.8 wrote it."""
    entries = read_entries(exported)
    program = torch.export.load(exported)

    def saved(value: Any) -> bytes:
        buffer = io.BytesIO()
        torch.save(value, buffer)
        return buffer.getvalue()

    write_entries(
        path,
        {
            "version": b"8.1",
            "serialized_exported_program.json": entries[f"{exported.stem}/models/model.json"],
            "serialized_state_dict.pt": saved(dict(program.state_dict)),
            "serialized_constants.pt": saved({}),
            "serialized_example_inputs.pt": saved(program.example_inputs),
        },
    )


def insert_lines(path: Path, lines: list[str], source: str = "checkpoints/samples.py") -> None:
    """Put lines at the beginning of forward() of a TorchScript archive, in the file of source that ends so."""

    def edit(text: bytes) -> bytes:
        found = text.decode().splitlines(keepends=True)
        (body,) = [index for index, line in enumerate(found) if "def forward" in line]
        while not found[body].rstrip().endswith(":"):
            body += 1
        return "".join([*found[: body + 1], *(f"    {line}\n" for line in lines), *found[body + 1 :]]).encode()

    edit_entry(path, source, edit)


def hostile_pickle(canary: Path) -> bytes:
    """A dict of weights, one of which runs a command when it is unpickled."""
    return pickle.dumps({"weight": Touch(canary)}, protocol=2)


def replace_data_pkl(path: Path, data: bytes) -> None:
    """Put another pickle into an archive of torch."""
    edit_entry(path, "/data.pkl", lambda _: data)


def read_entry(path: Path, ending: str) -> str:
    """The text of the one entry whose name ends so."""
    (content,) = [content for name, content in read_entries(path).items() if name.endswith(ending)]
    return content.decode()
