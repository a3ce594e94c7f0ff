"""Tell what a checkpoint is by its content, never by its suffix."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from replay.checkpoints.checkpoint import CheckpointFile
from replay.checkpoints.contents import Contents, listed
from replay.checkpoints.fingerprint import checkpoint_file
from replay.checkpoints.format import FORMATS, CheckpointFormat, Source
from replay.checkpoints.held import held_files
from replay.checkpoints.safety.archives import Archive
from replay.checkpoints.safety.budgets import budget_for, check_tensors
from replay.checkpoints.safety.storages import MappedFile
from replay.config.sections.checkpoints import CheckpointConfig
from replay.errors import CheckpointError

_KNOWN_HEADS: Final = (
    (b"version https://git-lfs", "a git LFS pointer, not the file itself: run `git lfs pull`"),
    (b"<!doctype", "an HTML page: the download failed or needs a login"),
    (b"<html", "an HTML page: the download failed or needs a login"),
    (b"<?xml", "an XML document: the download failed"),
    (b"\x1f\x8b", "gzip: unpack it first"),
    (b"BZh", "bzip2: unpack it first"),
    (b"\xfd7zXZ\0", "xz: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "zstd: unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it first"),
    (b"Rar!", "a RAR archive: unpack it first"),
    (b"\x89HDF\r\n", "HDF5, as Keras writes: export the model to ONNX, or its weights as safetensors"),
    (b"\x93NUMPY", "a numpy array: save all weights by name, as safetensors"),
    (b"GGUF", "GGUF: convert it to safetensors"),
    (b"PAR1", "a Parquet file: is it the traffic?"),
    (b"\x7fELF", "a program or shared library"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\x08\x01\x12", "a TensorFlow SavedModel: export it to ONNX"),
    (b"tree\nversion", "a LightGBM model: replay opens torch and ONNX models, so convert it to ONNX"),
    (b"{L", "an XGBoost model: replay opens torch and ONNX models, so convert it to ONNX"),
)


@dataclass(frozen=True)
class Sniffed:
    """What a checkpoint is.

    Attributes:
        path: Of the file, index or folder.
        format: The one that recognizes it; what it holds may be of another one (a pickled module).
        layout: How its bytes are laid out, in words.
    """

    path: Path
    format: CheckpointFormat
    layout: str

    def read(self, config: CheckpointConfig, *, allow_pickle: bool) -> Contents:
        """Look at what it holds, mapped anew; see :meth:`CheckpointFormat.read`.

        Raises:
            CheckpointError: It is refused.
            OverBudget: Looking at it would take more than any checkpoint needs.
        """
        source = Source(self.path)
        with budget_for(0 if self.path.is_dir() else source.file.size):
            contents = self.format.read(source, config, allow_pickle=allow_pickle)
        check_tensors(len(contents.tensors), str(self.path))
        return contents


def sniff(path: Path) -> Sniffed:
    """What a file or folder is. A zip archive is never taken for anything else, whatever else it looks like.

    Args:
        path: It exists.

    Raises:
        CheckpointError: Nothing that replay opens; the message says what it looks like.
        UnsafeCheckpoint: An archive that carries Python code.
    """
    if not (path.is_file() or path.is_dir()):
        raise CheckpointError(f"{path}: found a device, a pipe or a socket; {expected()}")
    source = Source(path)
    sniffed = _first(path, lambda each: each.recognize_path(path))
    if sniffed is not None:
        return sniffed
    if source.is_archive:
        sniffed = _first(path, lambda each: each.recognize_archive(source.archive))
    else:
        sniffed = _first(path, lambda each: each.recognize_file(source.file))
    if sniffed is None:
        what = describe_archive(source.archive) if source.is_archive else describe_bytes(source.file)
        raise CheckpointError(f"{path}: found {what}; {expected()}")
    return sniffed


def sniff_held(path: Path, held: contextlib.ExitStack) -> tuple[Sniffed, tuple[CheckpointFile, ...]]:
    """What a file or folder is, and its files with their hashes; the files are held as long as the stack is open.

    Raises:
        CheckpointError: See :func:`sniff`; or a file is missing or cannot be read.
    """
    held.enter_context(held_files([path]))
    sniffed = sniff(path)
    held.enter_context(held_files(sniffed.format.files(path)))
    return sniffed, tuple(map(checkpoint_file, sniffed.format.files(path)))


def _first(path: Path, recognize: Callable[[CheckpointFormat], str | None]) -> Sniffed | None:
    answers = ((each, recognize(each)) for each in FORMATS.values())
    return next((Sniffed(path, each, layout) for each, layout in answers if layout is not None), None)


def expected() -> str:
    """What a checkpoint can be, for a message."""
    *most, last = [each.words for each in FORMATS.values() if each.words]
    return f"expected a checkpoint: {', '.join(most)} or {last}"


def describe_archive(archive: Archive) -> str:
    """What a zip archive looks like, for a message.

    Args:
        archive: One that no format recognizes.
    """
    names = listed(archive.entries)
    if any(name.endswith(".npy") for name in archive.entries):
        return f"numpy arrays (.npz): save them as safetensors ({names})"
    if "model.weights.h5" in archive:
        return f"a Keras model: export it to ONNX ({names})"
    return f"a zip archive that is none of torch's ({names})"


def describe_bytes(file: MappedFile) -> str:
    """What a file looks like, for a message.

    Args:
        file: One that no format recognizes.
    """
    head = file.read(0, 512)
    lowered = head.lstrip().lower()
    for magic, what in _KNOWN_HEADS:
        if head.startswith(magic) or (magic[:1] == b"<" and lowered.startswith(magic)):
            return what
    if head[257:262] == b"ustar":
        return "a tar archive, as torch before 0.1.10 wrote: open it with an old torch and save it again, or unpack it"
    if head[4:8] == b"TFL3":
        return "a TensorFlow Lite model: export it to ONNX"
    if head[4:8] == b"ORTM":
        return "a model in onnxruntime's own format (.ort): give the ONNX model that it was made from"
    if file.rfind(b"PK\x05\x06", max(0, file.size - 65557)) >= 0:
        return f"a zip archive with {head[:8]!r} before its beginning (made to look like something else, or damaged)"
    if not any(head):
        return "only zeros: the copy failed"
    text = head[:60]
    if all(32 <= byte < 127 or byte in b"\r\n\t" for byte in text):
        return f"text that begins {text.decode().splitlines()[0][:60]!r}" if text.strip() else "blank text"
    return f"bytes that begin {head[:8].hex(' ')}"
