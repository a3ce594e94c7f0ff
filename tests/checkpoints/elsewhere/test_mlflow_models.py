"""Folders that mlflow wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.checkpoints.elsewhere.mlflow_models import saved_file
from replay.errors import CheckpointError


def folder(directory: Path, text: str, *files: str) -> str:
    (directory / "MLmodel").write_text(text)
    for name in files:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).touch()
    return str(directory)


MANY = f"flavors: {{{'a' * 900}: 1, b: 1, c: 1, d: 1, e: 1, f: 1}}"
TORCH = "flavors:\n  python_function: {data: data}\n  pytorch: {model_data: data}\n"


@pytest.mark.parametrize(
    ("text", "files", "expected"),
    [
        (TORCH, ("data/model.pt2", "data/extra.txt"), "data/model.pt2"),
        (TORCH, ("data/model.pth", "data/pickle_module_info.txt"), "data/model.pth"),
        ("flavors: {pytorch: {model_data: inner/weights}}", ("inner/weights/model.pth",), "inner/weights/model.pth"),
        ("flavors: {onnx: {data: model.onnx}}", ("model.onnx",), "model.onnx"),
    ],
)
def test_the_file_is_found(tmp_path: Path, text: str, files: tuple[str, ...], expected: str):
    assert saved_file(f"{folder(tmp_path, text, *files)}/") == f"{tmp_path}/{expected}"


def test_any_other_folder_has_none(tmp_path: Path):
    (tmp_path / "model.pt2").touch()
    assert saved_file(str(tmp_path)) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("flavors: {sklearn: {}, python_function: {}}", "with the flavors python_function, sklearn, expected"),
        (TORCH, "with the flavors python_function, pytorch, expected"),
        ("flavors: {pytorch: {model_data: ../../etc}}", "with the flavors pytorch, expected"),
        (MANY, f"flavors {'a' * 40}, b, c, d, e and 1 more, expected"),
        ("[1, 2]", "with the flavors none, expected"),
        ("a: [", "MLmodel: cannot be read as the description of a model"),
        ("!!python/object/apply:os.system ['true']", "MLmodel: cannot be read as the description of a model"),
        ("x" * (5 << 20), "MLmodel: found 5,242,880 bytes, expected the short description"),
    ],
    ids=["flavor", "no file", "outside", "long names", "a list", "no YAML", "a tag", "large"],
)
def test_others_are_refused(tmp_path: Path, text: str, expected: str):
    with pytest.raises(CheckpointError) as raised:
        saved_file(folder(tmp_path, text))
    assert expected in str(raised.value)
