"""Tell what a checkpoint is by its content, never by its suffix."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Final

from replay.checkpoints.contents import listed
from replay.checkpoints.formats.onnx.file import ORT_MAGIC, is_onnx
from replay.checkpoints.formats.safetensors import INDEX_SUFFIX, is_safetensors
from replay.checkpoints.formats.torch_export.archive import is_export
from replay.checkpoints.formats.torch_save import is_legacy
from replay.checkpoints.formats.torchscript.archive import is_script
from replay.checkpoints.safety.archives import LOCAL_MAGIC, Archive
from replay.checkpoints.safety.pickles import walk_pickle
from replay.checkpoints.safety.storages import MappedFile
from replay.errors import CheckpointError, UnsafeCheckpoint


class Kind(enum.Enum):
    """How the bytes are laid out, which decides what reads them."""

    EXPORT = "torch.export archive"
    SCRIPT = "TorchScript archive"
    TORCH_ZIP = "torch.save archive"
    TORCH_LEGACY = "torch.save file of torch before 1.6"
    PICKLE = "pickle"
    SAFETENSORS = "safetensors"
    ONNX = "ONNX model"


EXPECTED: Final = (
    "expected a checkpoint: torch.export (.pt2), TorchScript, torch.save weights, safetensors (a file, an index or a"
    " folder of shards) or ONNX"
)
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
_TEXT_PICKLE_OPENERS: Final = frozenset(b"(cdlIVS]})i")
_MAX_TEXT_PICKLE: Final = 1 << 26


def sniff(path: Path) -> Kind:
    """What a file or folder is.

    Args:
        path: It exists.

    Raises:
        CheckpointError: Nothing that replay opens; the message says what it looks like.
    """
    if path.is_dir() or path.name.endswith(INDEX_SUFFIX):
        return Kind.SAFETENSORS
    file = MappedFile(path)
    if file.read(0, 4) == LOCAL_MAGIC:
        return sniff_archive(Archive(file))
    if is_safetensors(file):
        return Kind.SAFETENSORS
    if file.read(0, 1) == b"\x80" and file.read(1, 1) <= b"\x05":
        return Kind.TORCH_LEGACY if is_legacy(file) else Kind.PICKLE
    if is_onnx(file):
        return Kind.ONNX
    if _is_text_pickle(file):
        return Kind.PICKLE
    raise CheckpointError(f"{path}: found {describe_bytes(file)}; {EXPECTED}")


def sniff_archive(archive: Archive) -> Kind:
    """What a zip archive is, by its entries.

    Args:
        archive: Checked.

    Raises:
        CheckpointError: None of torch's.
        UnsafeCheckpoint: One that carries Python code.
    """
    if is_export(archive):
        return Kind.EXPORT
    if is_script(archive):
        return Kind.SCRIPT
    if ".data/extern_modules" in archive:
        raise UnsafeCheckpoint(
            f"{archive.file.path}: a torch.package archive, whose Python code would run when it is opened; save the"
            " weights alone, or export the model with torch.export.save"
        )
    if "data.pkl" in archive:
        return Kind.TORCH_ZIP
    names = listed(archive.entries)
    if any(name.endswith(".npy") for name in archive.entries):
        what = "numpy arrays (.npz): save them as safetensors"
    elif "model.weights.h5" in archive:
        what = "a Keras model: export it to ONNX"
    else:
        what = "a zip archive that is none of torch's"
    raise CheckpointError(f"{archive.file.path}: found {what} ({names}); {EXPECTED}")


def describe_bytes(file: MappedFile) -> str:
    """What a file looks like, for a message.

    Args:
        file: One that no reader knows.
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
    if head[4:8] == ORT_MAGIC:
        return "a model in onnxruntime's own format (.ort): give the ONNX model that it was made from"
    if file.rfind(b"PK\x05\x06", max(0, file.size - 65557)) >= 0:
        return f"a zip archive with {head[:8]!r} before its beginning (made to look like something else, or damaged)"
    if not any(head):
        return "only zeros: the copy failed"
    text = head[:60]
    if all(32 <= byte < 127 or byte in b"\r\n\t" for byte in text):
        return f"text that begins {text.decode().splitlines()[0][:60]!r}" if text.strip() else "blank text"
    return f"bytes that begin {head[:8].hex(' ')}"


def _is_text_pickle(file: MappedFile) -> bool:
    """A pickle of protocol 0 or 1 has no magic number: it is one where it can be walked to the end."""
    if file.read(0, 1)[0] not in _TEXT_PICKLE_OPENERS or file.size > _MAX_TEXT_PICKLE:
        return False
    try:
        return walk_pickle(file.view, "").end == file.size
    except CheckpointError:
        return False
