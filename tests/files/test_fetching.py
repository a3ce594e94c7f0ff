"""Files fetched from a server that speaks S3: once, and never in two versions."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from replay.files import fetching, private_cache
from replay.files.copies import Content, OtherContentError
from replay.files.fetching import fetch, fetch_pinned, known_sha256
from tests.object_store import S3Server, upload


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "cache"))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(private_cache, "_kept", {})


def put(s3: S3Server, url: str, data: bytes, tmp_path: Path) -> str:
    (tmp_path / "given").write_bytes(data)
    return upload(tmp_path / "given", url)


def counting(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the files that are downloaded from now on."""
    sizes: list[int] = []
    download = fetching._download

    def counted(file: pa.NativeFile, size: int, target: Any) -> None:
        sizes.append(size)
        download(file, size, target)

    monkeypatch.setattr(fetching, "_download", counted)
    return sizes


def test_a_file_is_downloaded_once_as_long_as_it_is_the_same(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(fetching, "_PART", 1000)
    data = bytes(range(256)) * 40  # ten parts and a bit
    url = put(s3, f"{s3.new_bucket()}/ckpt/a b.pt2", data, tmp_path)
    sizes = counting(monkeypatch)
    first = fetch(url)
    assert first.path.read_bytes() == data
    assert first.content == Content("a b.pt2", hashlib.sha256(data).hexdigest(), len(data))
    assert (fetch(url), known_sha256(url), sizes) == (first, first.content.sha256, [len(data)])
    # Of the same size, and within the same second.
    other = bytes(reversed(data))
    put(s3, url, other, tmp_path)
    assert known_sha256(url) is None
    assert fetch(url).path.read_bytes() == other
    assert first.path.read_bytes() == data
    assert len(sizes) == 2
    put(s3, url, data, tmp_path)
    assert fetch(url) == first


def test_an_empty_file(s3: S3Server, tmp_path: Path):
    assert fetch(put(s3, f"{s3.new_bucket()}/nothing", b"", tmp_path)).path.read_bytes() == b""


def test_one_that_is_replaced_while_it_is_read_is_refused(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    url = put(s3, f"{s3.new_bucket()}/w.pt", b"before", tmp_path)
    download = fetching._download

    def replaced_meanwhile(file: pa.NativeFile, size: int, target: Any) -> None:
        download(file, size, target)
        put(s3, url, b"after!", tmp_path)

    monkeypatch.setattr(fetching, "_download", replaced_meanwhile)
    with pytest.raises(OSError, match="was replaced while it was read"):
        fetch(url)


def test_pinned_files_are_what_they_were_or_an_error(s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    bucket = s3.new_bucket()
    pinned = []
    for name, data in {"model.onnx": b"graph", "weights/w.bin": b"weights"}.items():
        url = put(s3, f"{bucket}/{name}", data, tmp_path)
        pinned.append((url, Content(name, hashlib.sha256(data).hexdigest(), len(data))))
    sizes = counting(monkeypatch)
    folder = fetch_pinned(pinned)
    assert (folder / "weights" / "w.bin").read_bytes() == b"weights"
    put(s3, pinned[1][0], b"WEIGHTS", tmp_path)
    assert (fetch_pinned(pinned), len(sizes)) == (folder, 2)  # nobody is asked where a copy is there
    (folder / "model.onnx").unlink()
    with pytest.raises(OtherContentError) as raised:
        fetch_pinned(pinned)
    assert raised.value.content.name == "weights/w.bin"
    put(s3, pinned[1][0], b"longer than before", tmp_path)
    with pytest.raises(OtherContentError):
        fetch_pinned(pinned)


def test_nothing_is_there(s3: S3Server):
    bucket = s3.new_bucket()
    for url in (f"{bucket}/nothing", "s3://no-such-bucket/x"):
        with pytest.raises(OSError):  # noqa: PT011, whoever asks says what it means
            fetch(url)
        assert known_sha256(url) is None
    with pytest.raises(ValueError, match="nosuch"):
        fetch("nosuch://bucket/x")
