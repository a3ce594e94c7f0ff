"""Whatever a run was made from: if any of it changed, or may have, the run is no answer."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from replay.config import load_config
from replay.flows.finished.unchanged import all_unchanged
from replay.flows.options import Options
from replay.store import OutputDirectory, open_storage
from tests.flows.finished.complete import sha256, write_complete, write_inputs


def unchanged(path: Path, options: Options | None = None) -> bool:
    config = load_config(path)
    manifest = OutputDirectory(open_storage(config.output)).manifest()
    assert manifest is not None
    return all_unchanged(config, options or Options(), manifest)


def other_rows(directory: Path) -> None:
    (directory / "traffic" / "part-1.parquet").write_bytes(b"more")


def touched_rows(directory: Path) -> None:
    os.utime(directory / "traffic" / "part-0.parquet", ns=(1, 1))


def other_weights(directory: Path) -> None:
    """Of the same size and time of change."""
    file = directory / "prod.pt2"
    times = file.stat()
    file.write_bytes(b"wEights")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def no_weights(directory: Path) -> None:
    (directory / "prod.pt2").unlink()


def other_code(directory: Path) -> None:
    (directory / "helper.py").write_text("WIDTH = 4\n")


def more_code(directory: Path) -> None:
    (directory / "build.py").write_text("import helper, other\n")
    (directory / "other.py").write_text("")


def other_file_that_code_read(directory: Path) -> None:
    (directory / "sizes.json").write_text("[5]")


def other_vocabulary(directory: Path) -> None:
    (directory / "vocabulary.json").write_text('{"b": 0}')


@pytest.fixture
def complete(tmp_path: Path) -> Path:
    (tmp_path / "build.py").write_text("import helper\nimport click\n")
    (tmp_path / "helper.py").write_text("WIDTH = 3\n")
    (tmp_path / "sizes.json").write_text("[3]")
    (tmp_path / "vocabulary.json").write_text('{"a": 0}')
    country = {
        "name": "c",
        "dtype": "int64",
        "feature": "c",
        "vocabulary": "vocabulary.json",
        "missing": 0,
        "unknown": 0,
    }
    checkpoint = {"path": "prod.pt2", "factory": "build.py:build"}
    path = write_inputs(tmp_path, model__inputs=[country], checkpoints__prod=checkpoint)
    code = {
        "build.py": sha256(tmp_path / "build.py"),
        "helper": sha256(tmp_path / "helper.py"),
        "click": metadata.version("click"),
        "sizes.json": sha256(tmp_path / "sizes.json"),
    }
    vocabularies = {str(tmp_path / "vocabulary.json"): sha256(tmp_path / "vocabulary.json")}
    write_complete(path, sources={"checkpoints.prod": code, "vocabularies": vocabularies})
    return path


def test_nothing_changed(complete: Path):
    assert unchanged(complete)


@pytest.mark.parametrize(
    "change",
    [
        other_rows,
        touched_rows,
        other_weights,
        no_weights,
        other_code,
        more_code,
        other_file_that_code_read,
        other_vocabulary,
    ],
)
def test_any_change_counts(complete: Path, change: Callable[[Path], None]):
    change(complete.parent)
    assert not unchanged(complete)


@pytest.mark.parametrize(
    "recorded",
    [
        {"engine": {"reader": "spark"}},
        {"packages": {"python": "3.1"}},
        {"allowed": {"pickle": True, "non_finite": False}},
        {"sources": {"checkpoints.prod": {"model": "1"}}},
        {"checkpoints": {"prod": {"path": "prod.pt2"}}},
    ],
    ids=["engine", "packages", "allowed", "code inside of a checkpoint", "an earlier version"],
)
def test_what_was_another_counts(tmp_path: Path, recorded: dict[str, Any]):
    path = write_inputs(tmp_path)
    if "engine" in recorded:
        config = {**load_config(path).model_dump(mode="json", by_alias=True), **recorded}
        recorded = {"config": config}
    write_complete(path, **recorded)
    assert not unchanged(path)


def test_what_was_allowed_must_be_allowed_again_and_more_does_no_harm(tmp_path: Path):
    path = write_inputs(tmp_path)
    write_complete(path, allowed={"pickle": False, "non_finite": True})
    assert unchanged(path, Options(allow_non_finite=True, allow_pickle=True))
    assert not unchanged(path, Options(allow_pickle=True))


def test_a_folder_of_shards_must_hold_the_same_ones(tmp_path: Path):
    folder = tmp_path / "shards"
    folder.mkdir()
    for name in ("a.safetensors", "b.safetensors", "readme.md"):
        (folder / name).write_text(name)
    path = write_inputs(tmp_path, checkpoints__prod={"path": "shards"})
    files = {str(file): sha256(file) for file in folder.glob("*.safetensors")}
    write_complete(path, checkpoints={"prod": {"path": str(folder), "files": files}})
    assert unchanged(path)
    (folder / "readme.md").write_text("other")
    assert unchanged(path)
    (folder / "c.safetensors").write_text("c")
    assert not unchanged(path)
