"""ONNX models: weights as the onnx package reads them, inline and beside the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from replay.checkpoints.checkpoint import Checkpoint, TensorSpec
from replay.checkpoints.examine import examine, read_state_dict
from replay.config.sections.checkpoints import CheckpointConfig
from replay.errors import CheckpointError, CorruptCheckpoint, UnsafeCheckpoint

onnx = pytest.importorskip("onnx")
helper = onnx.helper

WEIGHT = np.arange(8, dtype=np.float32).reshape(4, 2)


def build(weights: list[Any] | None = None, domain: str = "") -> Any:
    nodes = [
        helper.make_node("Constant", [], ["one"], value=onnx.numpy_helper.from_array(np.ones(2, np.float32), "c")),
        helper.make_node("MatMul", ["x", "w"], ["y"], domain=domain),
        helper.make_node("Add", ["y", "one"], ["score"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["batch", 4])],
        [helper.make_tensor_value_info("score", onnx.TensorProto.FLOAT, ["batch", 2])],
        weights if weights is not None else [onnx.numpy_helper.from_array(WEIGHT, "w")],
    )
    return helper.make_model(graph)


def save(path: Path, model: Any, **options: Any) -> Path:
    onnx.save_model(model, str(path), **options)
    return path


def look(path: Path) -> Checkpoint:
    return examine(CheckpointConfig(path=str(path)), "prod")


def read(path: Path) -> dict[str, torch.Tensor]:
    return read_state_dict(look(path))


def test_weights_and_constants_are_read(tmp_path: Path) -> None:
    checkpoint = look(save(tmp_path / "m.onnx", build()))
    found = read_state_dict(checkpoint)
    assert checkpoint.format == "onnx"
    assert found["w"].tolist() == WEIGHT.tolist()
    assert found["one.value"].tolist() == [1.0, 1.0]
    assert {info.name for info in checkpoint.tensors if not info.parameter} == {"one.value"}


def test_the_signature_is_said(tmp_path: Path) -> None:
    signature = look(save(tmp_path / "m.onnx", build())).signature
    assert signature is not None
    assert signature.inputs == (TensorSpec("x", "float32", ("batch", 4)),)
    assert signature.outputs == (TensorSpec("score", "float32", ("batch", 2)),)


def test_what_it_executes_is_said(tmp_path: Path) -> None:
    assert look(save(tmp_path / "m.onnx", build())).executes == (
        "ONNX graph: 3 nodes (Constant x1, MatMul x1, Add x1)",
    )
    path = save(tmp_path / "custom.onnx", build(domain="my.ops"))
    with pytest.raises(UnsafeCheckpoint, match=r"uses my\.ops\.MatMul, which is not .*operators: \[my\.ops\.MatMul\]"):
        look(path)
    lines = examine(CheckpointConfig(path=str(path), operators=("my.ops.MatMul",)), "prod").executes
    assert lines[1] == "operators that a library of yours must register: my.ops.MatMul"


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize(
    "kind",
    "FLOAT DOUBLE FLOAT16 INT8 UINT8 INT16 UINT16 INT32 INT64 UINT32 UINT64 BOOL BFLOAT16 COMPLEX64".split(),  # noqa: SIM905
)
def test_every_dtype_is_read_from_either_field(tmp_path: Path, kind: str, raw: bool) -> None:
    data_type = getattr(onnx.TensorProto, kind)
    values = [0, 1, 1, 0]
    if raw:
        array = np.array(values).astype(helper.tensor_dtype_to_np_dtype(data_type))
        weight = helper.make_tensor("w", data_type, [2, 2], array.tobytes(), raw=True)
    else:
        weight = helper.make_tensor("w", data_type, [2, 2], values)
    found = read(save(tmp_path / "m.onnx", build([weight])))["w"]
    assert found.shape == (2, 2)
    assert found.to(torch.complex64).real.tolist() == [[0.0, 1.0], [1.0, 0.0]]
    expected = str(helper.tensor_dtype_to_np_dtype(data_type)) if kind != "BFLOAT16" else "bfloat16"
    assert str(found.dtype) == f"torch.{expected}"


def test_text_is_set_aside(tmp_path: Path) -> None:
    weight = helper.make_tensor("vocabulary", onnx.TensorProto.STRING, [1], [b"a"])
    checkpoint = look(save(tmp_path / "m.onnx", build([weight])))
    assert checkpoint.set_aside == ("vocabulary (string tensor)",)


def external(path: Path) -> Path:
    return save(
        path, build(), save_as_external_data=True, all_tensors_to_one_file=True, location="m.data", size_threshold=0
    )


def test_weights_beside_the_model_are_part_of_it(tmp_path: Path) -> None:
    path = external(tmp_path / "m.onnx")
    checkpoint = look(path)
    assert [Path(file.path).name for file in checkpoint.files] == ["m.onnx", "m.data"]
    assert read_state_dict(checkpoint)["w"].tolist() == WEIGHT.tolist()
    before = checkpoint.sha256
    (tmp_path / "m.data").write_bytes(b"\0" * (tmp_path / "m.data").stat().st_size)
    assert look(path).sha256 != before


def test_missing_weights_beside_the_model_are_corrupt(tmp_path: Path) -> None:
    path = external(tmp_path / "m.onnx")
    (tmp_path / "m.data").unlink()
    with pytest.raises(CorruptCheckpoint, match=r"weights m\.data are missing beside it"):
        look(path)


def test_truncated_weights_beside_the_model_are_corrupt(tmp_path: Path) -> None:
    path = external(tmp_path / "m.onnx")
    (tmp_path / "m.data").write_bytes((tmp_path / "m.data").read_bytes()[:8])
    with pytest.raises(CorruptCheckpoint, match="truncated"):
        look(path)


@pytest.mark.parametrize("location", ["../../etc/passwd", "/etc/passwd", "a/../../b", "..\\b", "C:b"])
def test_weights_outside_of_the_folder_are_refused(tmp_path: Path, location: str) -> None:
    model = onnx.load(str(external(tmp_path / "m.onnx")), load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        if entry.key == "location":
            entry.value = location
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(UnsafeCheckpoint, match="outside of the model's folder"):
        look(tmp_path / "m.onnx")


def test_a_shape_that_its_bytes_do_not_fill_is_corrupt(tmp_path: Path) -> None:
    weight = onnx.numpy_helper.from_array(WEIGHT, "w")
    weight.dims[0] = 1 << 40
    with pytest.raises(CorruptCheckpoint, match="'w' has 32 bytes"):
        look(save(tmp_path / "m.onnx", build([weight])))


def test_nan_is_refused_with_its_name(tmp_path: Path) -> None:
    weight = onnx.numpy_helper.from_array(np.array([1.0, np.nan, np.inf], np.float32), "w")
    with pytest.raises(CheckpointError, match=r"NaN or Inf in 1 of 2 tensors: w \(2 of 3\)"):
        look(save(tmp_path / "m.onnx", build([weight])))


@pytest.mark.parametrize("cut", [1, 30, 100])
def test_a_truncated_model_is_corrupt(tmp_path: Path, cut: int) -> None:
    path = save(tmp_path / "m.onnx", build())
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(CheckpointError, match=r"truncated|cannot be read"):
        look(path)


def test_a_sparse_weight_is_refused(tmp_path: Path) -> None:
    model = build()
    values = helper.make_tensor("s", onnx.TensorProto.FLOAT, [1], [1.0])
    indices = helper.make_tensor("i", onnx.TensorProto.INT64, [1], [0])
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [4]))
    with pytest.raises(CheckpointError, match="sparse weights"):
        look(save(tmp_path / "m.onnx", model))


def test_without_the_package_the_message_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "m.onnx", build())
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(CheckpointError, match=r"pip install 'replay-engine\[onnx\]'"):
        look(path)
