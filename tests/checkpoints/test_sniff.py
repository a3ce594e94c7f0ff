"""What a file is: told by its bytes, whatever it is called."""

from __future__ import annotations

import gzip
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from replay.checkpoints.sniff import sniff
from replay.errors import CheckpointError, UnsafeCheckpoint
from tests.checkpoints.samples import save_export, save_legacy, save_script, tower, write_entries

NAMES = ["model.pt", "model.pt2", "model.safetensors", "model.onnx", "model.bin", "model"]


@pytest.mark.parametrize("name", NAMES)
def test_the_name_does_not_matter(tmp_path: Path, name: str) -> None:
    state = tower().state_dict()
    path = tmp_path / name
    torch.save(state, path)
    assert sniff(path).layout == "torch.save archive"
    save_legacy(state, path)
    assert sniff(path).layout == "torch.save file of torch before 1.6"
    safetensors.torch.save_file(state, path)
    assert sniff(path).layout == "safetensors"
    save_script(path)
    assert sniff(path).layout == "TorchScript archive"


def test_an_export_is_told_by_content(tmp_path: Path) -> None:
    save_export(tmp_path / "model.pt2")
    path = tmp_path / "model.onnx"
    (tmp_path / "model.pt2").rename(path)
    assert sniff(path).layout == "torch.export archive"


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_is_told_in_every_protocol(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "weights.pkl"
    path.write_bytes(pickle.dumps({"a": [1, 2.5, None]}, protocol=protocol))
    assert sniff(path).layout == "pickle"


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "the file is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "git LFS pointer.*git lfs pull"),
        (b"<!DOCTYPE html><html>", "an HTML page"),
        (b"\n\n <HTML><head>", "an HTML page"),
        (b"<?xml version='1.0'?><Error>", "an XML document"),
        (gzip.compress(b"x" * 100, mtime=0), "gzip: unpack it first"),
        (b"7z\xbc\xaf\x27\x1c" + b"\0" * 100, "a 7z archive"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 100, "HDF5, as Keras writes"),
        (b"\x93NUMPY\x01\0" + b"\0" * 100, "a numpy array"),
        (b"PAR1" + b"\x15" * 100, "a Parquet file"),
        (b"\x7fELF" + b"\x02" * 100, "a program or shared library"),
        (b"\x08\x01\x12\x0a\x0a\x08serve..", "a TensorFlow SavedModel"),
        (b"\0" * 100, "only zeros"),
        (b"epoch,loss\n1,0.5\n", "text that begins 'epoch,loss'"),
        (b"\xde\xad\xbe\xef" * 10, "bytes that begin de ad be ef"),
        (b"PK\x05\x06" + b"\0" * 18, "an empty zip archive"),
    ],
)
def test_anything_else_is_named(tmp_path: Path, data: bytes, what: str) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match=f"(?s){what}.*expected a checkpoint|{what}"):
        sniff(path)


def test_a_tar_of_an_old_torch_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    with tarfile.open(path, "w") as archive:
        archive.add(__file__, "pickle")
    with pytest.raises(CheckpointError, match=r"a tar archive, as torch before"):
        sniff(path)


def test_zip_archives_of_others_are_named(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    np.savez(path.with_suffix(".npz"), a=np.ones(2))
    with pytest.raises(CheckpointError, match=r"numpy arrays \(\.npz\)"):
        sniff(path.with_suffix(".npz"))
    write_entries(path, {"config.json": b"{}", "model.weights.h5": b""})
    with pytest.raises(CheckpointError, match="a Keras model"):
        sniff(path)
    write_entries(path, {"word/document.xml": b""})
    with pytest.raises(CheckpointError, match="none of torch's"):
        sniff(path)
    write_entries(path, {"pkg/.data/extern_modules": b"", "pkg/model.py": b"import os"})
    with pytest.raises(UnsafeCheckpoint, match=r"torch\.package archive, whose Python code would run"):
        sniff(path)


def test_a_zip_behind_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save({"a": torch.ones(1)}, path)
    path.write_bytes(b"\xde\xad\xbe\xef\0\0\0\0" + path.read_bytes())
    with pytest.raises(CheckpointError, match=r"a zip archive with .* before its beginning"):
        sniff(path)
