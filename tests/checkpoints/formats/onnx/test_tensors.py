"""Weights of an ONNX model wherever they are: each is read, pinned, and in the model's folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.examine import examine, read_state_dict
from replay.config.sections.checkpoints import CheckpointConfig
from replay.errors import CheckpointError, CorruptCheckpoint, UnsafeCheckpoint
from tests.checkpoints.models import contract, opened

VALUES = np.array([1.0, 2.0, 3.0, 4.0], np.float32)
X = torch.arange(12.0).reshape(3, 4)
SCORES = X.sum(1) + 10.0
OPSETS = [helper.make_opsetid("", 18), helper.make_opsetid("my", 1)]
MARKER = "*/_ORT_MEM_ADDR_/*"


def beside(location: str = "w.bin", **entries: str) -> TensorProto:
    """A weight in a file beside the model."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, "offset": "0", "length": "16", **entries}.items():
        tensor.external_data.add(key=key, value=value)
    return tensor


def branch(weight: TensorProto, output: str) -> onnx.GraphProto:
    node = helper.make_node("Identity", ["w"], [output])
    return helper.make_graph([node], output, [], [helper.make_tensor_value_info(output, 1, [4])], initializer=[weight])


def choice(weight: TensorProto) -> list[onnx.NodeProto]:
    """Nodes that take the weight from a graph inside of one."""
    never = helper.make_node("Constant", [], ["never"], value=helper.make_tensor("t", TensorProto.BOOL, [], [False]))
    other = onnx.numpy_helper.from_array(VALUES, "w")
    branches = {"then_branch": branch(other, "yes"), "else_branch": branch(weight, "no")}
    return [never, helper.make_node("If", ["never"], ["c"], **branches)]


def constant(weight: TensorProto) -> list[onnx.NodeProto]:
    return [helper.make_node("Constant", [], ["c"], value=weight)]


def model(nodes: list[onnx.NodeProto], *, weights: Any = (), functions: Any = ()) -> onnx.ModelProto:
    """The sum of each row, of inputs and of ``c``."""
    axes = helper.make_node("Constant", [], ["axes"], value=helper.make_tensor("a", TensorProto.INT64, [1], [1]))
    summed = helper.make_node("ReduceSum", ["y", "axes"], ["score"], keepdims=0)
    ends = (
        [helper.make_tensor_value_info("x", 1, ["batch", 4])],
        [helper.make_tensor_value_info("score", 1, ["batch"])],
    )
    graph = helper.make_graph([*nodes, axes, summed], "g", *ends, initializer=list(weights))
    return helper.make_model(graph, opset_imports=OPSETS, functions=list(functions), ir_version=9)


ADD = helper.make_node("Add", ["x", "c"], ["y"])


def function(nodes: list[onnx.NodeProto], called: bool = True, **options: Any) -> onnx.ModelProto:
    """A model of one function that is called, or not."""
    body = [*nodes, helper.make_node("Add", ["a", "c"], ["o"])]
    made = helper.make_function("my", "F", ["a"], ["o"], body, OPSETS, **options)
    if called:
        return model([helper.make_node("F", ["x"], ["y"], domain="my")], functions=[made])
    return model([*constant(onnx.numpy_helper.from_array(VALUES, "v")), ADD], functions=[made])


def by_default(weight: TensorProto) -> onnx.ModelProto:
    """A function whose weight is the default of its attribute."""
    node = helper.make_node("Constant", [], ["c"])
    node.attribute.add(name="value", ref_attr_name="weight", type=onnx.AttributeProto.TENSOR)
    return function([node], attribute_protos=[helper.make_attribute("weight", weight)])


def listed(weight: TensorProto) -> onnx.ModelProto:
    """An attribute of several tensors, which no operator of ONNX has, on one that takes others as well."""
    node = helper.make_node("Identity", ["w"], ["c"])
    node.attribute.add(name="more", type=onnx.AttributeProto.TENSORS).tensors.append(weight)
    return model([node, ADD], weights=[onnx.numpy_helper.from_array(VALUES, "w")])


MODELS: dict[str, Callable[[TensorProto], onnx.ModelProto]] = {
    "w": lambda weight: model([helper.make_node("Add", ["x", "w"], ["y"])], weights=[weight]),
    "c.value": lambda weight: model([*constant(weight), ADD]),
    "my.F/c.value": lambda weight: function(constant(weight)),
    "my.F/w": lambda weight: function(choice(weight)),
    "my.F/.weight": by_default,
    "c.more.0": listed,
}
MODELS["w#2"] = lambda weight: model([*choice(weight), ADD], weights=[onnx.numpy_helper.from_array(VALUES, "w")])
RUN = [name for name in MODELS if name not in ("c.more.0", "w#2")]
UNCALLED = {**MODELS, "uncalled": lambda weight: function(constant(weight), called=False)}


def save(folder: Path, made: onnx.ModelProto, name: str = "m.onnx") -> Path:
    (folder / name).write_bytes(made.SerializeToString())
    return folder / name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model's folder, with weights in it and others outside."""
    (tmp_path / "secret.bin").write_bytes(np.full(4, 42, np.float32).tobytes())
    made = tmp_path / "model"
    made.mkdir()
    (made / "w.bin").write_bytes(VALUES.tobytes())
    return made


def look(path: Path) -> Checkpoint:
    return examine(CheckpointConfig(path=str(path)), "prod")


@pytest.mark.parametrize("name", MODELS)
def test_a_weight_is_read_wherever_it_is(folder: Path, name: str) -> None:
    checkpoint = look(save(folder, MODELS[name](onnx.numpy_helper.from_array(VALUES * 2, "w"))))
    assert read_state_dict(checkpoint)[name].tolist() == [2.0, 4.0, 6.0, 8.0]
    assert {info.name for info in checkpoint.tensors if info.parameter} <= {"w"}


@pytest.mark.parametrize("name", UNCALLED)
def test_weights_beside_the_model_are_part_of_it(folder: Path, name: str) -> None:
    path = save(folder, UNCALLED[name](beside()))
    before = look(path)
    assert [file.path for file in before.files] == [str(path), str(folder / "w.bin")]
    (folder / "w.bin").write_bytes((VALUES + 1).tobytes())
    assert look(path).sha256 != before.sha256


@pytest.mark.parametrize("name", RUN)
def test_weights_beside_the_model_are_scored(folder: Path, name: str) -> None:
    path = save(folder, MODELS[name](beside()))
    torch.testing.assert_close(opened(path, contract("x")).score({"x": X}), SCORES)


@pytest.mark.parametrize("location", ["../secret.bin", "/secret.bin", MARKER, "link.bin", "linked/secret.bin"])
@pytest.mark.parametrize("name", UNCALLED)
def test_weights_outside_of_the_folder_are_refused(folder: Path, name: str, location: str) -> None:
    (folder / "link.bin").symlink_to("../secret.bin")
    (folder / "linked").symlink_to("..")
    with pytest.raises(UnsafeCheckpoint, match="outside of the model's folder"):
        look(save(folder, UNCALLED[name](beside(location))))


def test_an_address_in_memory_is_refused_even_where_a_file_has_its_name(folder: Path) -> None:
    (folder / MARKER).parent.mkdir(parents=True)
    (folder / MARKER).write_bytes(VALUES.tobytes())
    with pytest.raises(UnsafeCheckpoint, match="outside of the model's folder"):
        look(save(folder, MODELS["my.F/c.value"](beside(MARKER))))


@pytest.mark.parametrize("kind", ["nothing", "folder", "pipe", "link to nothing", "link to itself"])
@pytest.mark.parametrize("name", ["w", "my.F/w"])
def test_what_is_no_file_is_missing(folder: Path, name: str, kind: str) -> None:
    place = folder / "w.bin"
    place.unlink()
    if kind == "folder":
        place.mkdir()
    elif kind == "pipe":
        os.mkfifo(place)
    elif kind != "nothing":
        place.symlink_to("gone.bin" if kind == "link to nothing" else "w.bin")
    with pytest.raises(CorruptCheckpoint, match=r"weights w\.bin are missing"):
        look(save(folder, MODELS[name](beside())))


def test_a_link_inside_of_the_folder_is_fine(folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "link.bin").symlink_to("../w.bin")
    path = save(folder, MODELS["my.F/c.value"](beside("deep/link.bin")))
    torch.testing.assert_close(opened(path, contract("x")).score({"x": X}), SCORES)


@pytest.mark.parametrize("name", ["w", "c.value", "my.F/c.value"])
def test_a_store_of_downloads_links_to_model_and_weights(folder: Path, tmp_path: Path, name: str) -> None:
    """As the cache of Hugging Face has them: the files side by side under their hashes, and links in another folder."""
    store = tmp_path / "blobs"
    store.mkdir()
    save(store, MODELS[name](beside()), "0a1b")
    (folder / "w.bin").rename(store / "2c3d")
    (folder / "m.onnx").symlink_to("../blobs/0a1b")
    (folder / "w.bin").symlink_to("../blobs/2c3d")
    torch.testing.assert_close(opened(folder / "m.onnx", contract("x")).score({"x": X}), SCORES)


@pytest.mark.parametrize("entries", [{"offset": "1_0"}, {"offset": "-4"}, {"length": " 16"}, {"length": "9" * 30}])
def test_numbers_that_may_be_read_in_two_ways_are_corrupt(folder: Path, entries: dict[str, str]) -> None:
    with pytest.raises(CorruptCheckpoint, match="no readable offset and length"):
        look(save(folder, MODELS["w"](beside(**entries))))


def test_a_place_that_is_said_twice_is_corrupt(folder: Path) -> None:
    weight = beside()
    weight.external_data.add(key="location", value="w.bin")
    with pytest.raises(CorruptCheckpoint, match="no readable offset and length"):
        look(save(folder, MODELS["w"](weight)))


def sparse() -> onnx.SparseTensorProto:
    values = helper.make_tensor("s", TensorProto.FLOAT, [1], [1.0])
    return helper.make_sparse_tensor(values, helper.make_tensor("i", TensorProto.INT64, [1], [0]), [4])


def sparse_constant(kind: str) -> onnx.NodeProto:
    node = helper.make_node("Constant", [], ["c"])
    attribute = node.attribute.add(name="sparse_value", type=getattr(onnx.AttributeProto, kind))
    if kind == "SPARSE_TENSOR":
        attribute.sparse_tensor.CopyFrom(sparse())
    else:
        attribute.sparse_tensors.append(sparse())
    return node


def sparse_branch() -> list[onnx.NodeProto]:
    nodes = choice(onnx.numpy_helper.from_array(VALUES, "w"))
    nodes[1].attribute[0].g.sparse_initializer.append(sparse())
    return nodes


@pytest.mark.parametrize(
    "made",
    [
        model([sparse_constant("SPARSE_TENSOR"), ADD]),
        model([sparse_constant("SPARSE_TENSORS"), ADD]),
        model([*sparse_branch(), ADD]),
        function([sparse_constant("SPARSE_TENSOR")]),
        function(sparse_branch()),
    ],
    ids=["constant", "constants", "branch", "function", "branch in a function"],
)
def test_sparse_weights_are_refused_wherever_they_are(folder: Path, made: onnx.ModelProto) -> None:
    with pytest.raises(CheckpointError, match="sparse weights"):
        look(save(folder, made))


def test_nan_in_a_function_is_refused_with_its_name(folder: Path) -> None:
    weight = onnx.numpy_helper.from_array(np.array([1, np.nan, 1, 1], np.float32), "w")
    with pytest.raises(CheckpointError, match=r"NaN or Inf in .*my\.F/w \(1 of 4\)"):
        look(save(folder, MODELS["my.F/w"](weight)))


def test_a_name_is_hidden_by_no_other(folder: Path) -> None:
    """A graph inside of a node may name its weights as the main graph does; one more is called as we count them."""
    weights = [onnx.numpy_helper.from_array(VALUES * factor, name) for name, factor in (("w", 2), ("w#2", 3))]
    found = read_state_dict(look(save(folder, model([*choice(weights[0]), ADD], weights=weights))))
    factors = sorted(float(tensor[0]) for name, tensor in found.items() if name.startswith("w"))
    assert factors == [1.0, 2.0, 2.0, 3.0]  # the branches hold the values once and twice


def test_what_a_function_executes_is_said(folder: Path) -> None:
    lines = look(save(folder, function(constant(onnx.numpy_helper.from_array(VALUES, "w"))))).executes
    assert lines == ("ONNX graph: 5 nodes (Constant x2, F x1, ReduceSum x1, Add x1)",)


@pytest.mark.parametrize("name", ["m.json", "m.onnxtxt", "m.textproto", "m.ort", "m"])
def test_the_name_of_a_file_decides_nothing(folder: Path, name: str) -> None:
    path = save(folder, MODELS["my.F/w"](beside()), name)
    torch.testing.assert_close(opened(path, contract("x")).score({"x": X}), SCORES)
