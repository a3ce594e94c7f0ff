"""ONNX models: named inputs and outputs, fixed batches, and an onnxruntime that may be missing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

from replay.checkpoints.formats.onnx.session import open_onnx
from replay.checkpoints.scorers.batching import BatchSizes
from replay.checkpoints.sharing import mapped_weights as sharing
from replay.errors import CheckpointError, CheckpointMismatch
from tests.checkpoints.models import contract, examined, opened, quiet, ranker, rows, save


class Two(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x.sum(1), torch.stack([x[:, 0], x[:, 1]], dim=1)


X = torch.randn(5, 3, generator=torch.Generator().manual_seed(1))


def export(model: nn.Module, path: Path, example: Any, *, dynamic: bool = True, **names: Any) -> Path:
    axes = {name: {0: "batch"} for name in names["input_names"]} if dynamic else None
    with quiet():
        torch.onnx.export(model, example, str(path), dynamo=False, dynamic_axes=axes, **names)
    return path


@pytest.fixture
def two(tmp_path: Path) -> Path:
    return export(Two(), tmp_path / "m.onnx", (X,), input_names=["x"], output_names=["ctr", "heads"])


@pytest.mark.parametrize(
    ("select", "expected"),
    [("ctr", X.sum(1)), (0, X.sum(1)), (["heads", 1], X[:, 1]), ([1, 0], X[:, 0])],
)
def test_outputs_by_name_and_by_place(select: Any, expected: torch.Tensor, two: Path) -> None:
    torch.testing.assert_close(opened(two, contract("x", output={"select": select})).score({"x": X}), expected)


def test_which_output_must_be_said(two: Path) -> None:
    with pytest.raises(CheckpointMismatch, match=r"a dict of 2 \(ctr: .*; heads: "):
        opened(two, contract("x")).score({"x": X})


def test_one_output_is_the_score_or_output_0(tmp_path: Path) -> None:
    path = save("onnx", ranker(), tmp_path / "m.onnx")
    expected = opened(path).score(rows(4))
    assert torch.equal(opened(path, contract(output={"select": 0})).score(rows(4)), expected)


def test_positional_inputs_may_have_any_name(tmp_path: Path) -> None:
    path = save("onnx", ranker(), tmp_path / "m.onnx")
    batch = rows(4)
    scores = opened(path, contract("a", "ids")).score({"a": batch["dense"], "ids": batch["ids"]})
    assert torch.equal(scores, opened(path, contract("ids", "dense", call="dict")).score(batch))


@pytest.mark.parametrize("count", [1, 6, 7, 20])
def test_a_fixed_batch_is_cut_and_padded_to(count: int, tmp_path: Path) -> None:
    model = ranker()
    example = tuple(rows(6).values())
    path = export(model, tmp_path / "m.onnx", example, dynamic=False, input_names=["dense", "ids"])
    assert open_onnx(examined(path), contract(), "cpu").batch == BatchSizes(6, 6)
    expected = model(**rows(count)).detach().reshape(count)
    torch.testing.assert_close(opened(path).score(rows(count)), expected, rtol=1e-6, atol=1e-6)


def test_a_wrong_type_names_the_tensors(tmp_path: Path) -> None:
    scorer = opened(save("onnx", ranker(), tmp_path / "m.onnx"))
    batch = rows(4)
    with pytest.raises(CheckpointMismatch, match=r"ids int32 \(4, 2\).*\n?.*expected: \(tensor\(int64\)\)"):
        scorer.score({**batch, "ids": batch["ids"].int()})


def test_probabilities_by_class_as_classifiers_answer(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Softmax", ["x"], ["p"], axis=1),
        helper.make_node("ZipMap", ["p"], ["probabilities"], domain="ai.onnx.ml", classlabels_int64s=[0, 1, 2]),
        helper.make_node("ArgMax", ["x"], ["label"], axis=1, keepdims=0),
    ]
    mapping = helper.make_sequence_type_proto(
        helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, None))
    )
    graph = helper.make_graph(
        nodes,
        "classifier",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, ["batch"]),
            helper.make_value_info("probabilities", mapping),
        ],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), tmp_path / "m.onnx")
    scorer = opened(tmp_path / "m.onnx", contract("x", output={"select": ["probabilities", 1]}))
    torch.testing.assert_close(scorer.score({"x": X}), torch.softmax(X, 1)[:, 1])


def test_without_onnxruntime_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = examined(save("onnx", ranker(), tmp_path / "m.onnx"))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(CheckpointMismatch, match=r"pip install replay-engine\[onnx\]"):
        open_onnx(checkpoint, contract(), "cpu")


def test_an_operator_that_onnxruntime_does_not_know(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("Ranking", ["x"], ["y"], domain="my.team")],
        "unknown",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch"])],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("my.team", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), tmp_path / "m.onnx")
    with pytest.raises(CheckpointMismatch, match=r"onnxruntime .* cannot load .*Ranking"):
        opened(tmp_path / "m.onnx", contract("x"), operators=["my.team.Ranking"])


def test_the_mapped_copy_gives_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    path = save("onnx", ranker(rows=5000), tmp_path / "m.onnx")
    private = opened(path).score(rows(300, table=5000)).numpy()
    monkeypatch.setattr(sharing, "MIN_SHARED_BYTES", 1)
    for _ in range(2):  # the first writes it, the second finds it
        np.testing.assert_array_equal(opened(path).score(rows(300, table=5000)).numpy(), private)
    (entry,) = [found for found in next(tmp_path.glob("replay-*")).iterdir() if found.is_dir()]
    assert {file.name for file in entry.iterdir()} == {"model.onnx", "weights.bin"}


def test_a_damaged_copy_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(sharing, "MIN_SHARED_BYTES", 1)
    path = save("onnx", ranker(rows=5000), tmp_path / "m.onnx")
    expected = opened(path).score(rows(30, table=5000))
    for damage in ("truncated", "gone"):
        (entry,) = [found for found in next(tmp_path.glob("replay-*")).iterdir() if found.is_dir()]
        if damage == "gone":
            (entry / "weights.bin").unlink()
        else:
            (entry / "weights.bin").write_bytes(b"")
        assert torch.equal(opened(path).score(rows(30, table=5000)), expected)


def in_own_format(onnx_file: Path, path: Path) -> None:
    """What onnxruntime writes of a model in its own format."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(path)
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(str(onnx_file), options, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("least", [1, 1 << 40], ids=["mapped copy", "private"])
def test_a_name_does_not_make_onnxruntime_read_its_own_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, least: int
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(sharing, "MIN_SHARED_BYTES", least)
    model = ranker()
    path = save("onnx", model, tmp_path / "m.ort")
    for _ in range(2):
        torch.testing.assert_close(opened(path).score(rows(9)), model(**rows(9)).detach(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["m.ort", "m.onnx"])
def test_onnxruntimes_own_format_is_refused(tmp_path: Path, name: str) -> None:
    in_own_format(save("onnx", ranker(), tmp_path / "source.onnx"), tmp_path / name)
    with pytest.raises(CheckpointError, match=r"onnxruntime's own format .* give the ONNX model"):
        opened(tmp_path / name)


@pytest.mark.parametrize("name", ["m.ort", "m.onnx"])
def test_a_file_that_is_of_both_formats_is_refused(tmp_path: Path, name: str) -> None:
    """A whole ONNX model, by whose first bytes (its producer's name) it is one of onnxruntime's own format as well."""
    model = onnx.load(str(save("onnx", ranker(), tmp_path / "source.onnx")))
    head = bytes([8, model.ir_version, 0x12, 4]) + b"ORTM"
    model.ClearField("ir_version")
    model.ClearField("producer_name")
    both = head + model.SerializeToString()
    onnx.checker.check_model(onnx.load_model_from_string(both))
    (tmp_path / name).write_bytes(both)
    with pytest.raises(CheckpointError, match=r"onnxruntime's own format"):
        opened(tmp_path / name)
