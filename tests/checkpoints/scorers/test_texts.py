"""Text at the call, through onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pyarrow as pa
import pytest
import torch
from onnx import TensorProto, helper

from replay.checkpoints import check_inputs, open_scorer
from replay.checkpoints.scorers.texts import texts_of
from replay.config.sections.model.contract import ModelConfig
from replay.errors import CheckpointMismatch
from replay.features import Encoder
from tests.checkpoints.models import FACTORY, examined, ranker


def contract(**entry: Any) -> ModelConfig:
    return ModelConfig.model_validate({"inputs": [{"name": "words", "dtype": "string", **entry}]})


def write_model(path: Path) -> None:
    """The sum of numbers that two words stand for."""
    look_up = {"keys_strings": ["å", "b"], "values_floats": [10.0, 3.0], "default_float": 0.5}
    nodes = [
        helper.make_node("LabelEncoder", ["words"], ["known"], domain="ai.onnx.ml", **look_up),
        helper.make_node("ReduceSum", ["known", "axis"], ["score"], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "words",
        [helper.make_tensor_value_info("words", TensorProto.STRING, ["batch", 2])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["batch"])],
        [helper.make_tensor("axis", TensorProto.INT64, [1], [1])],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 2)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)


def test_words_side_by_side_reach_the_model(tmp_path: Path) -> None:
    write_model(tmp_path / "m.onnx")
    checkpoint, model = examined(tmp_path / "m.onnx"), contract(features=["a", "b"])
    batch = pa.RecordBatch.from_pydict({"a": ["å", "b", "other"], "b": ["b", "", "å"]})
    assert check_inputs(checkpoint, model) == []
    scores = open_scorer(checkpoint, model).score(Encoder(model, batch.schema).encode(batch).tensors)
    assert scores.tolist() == [13.0, 3.5, 10.5]


def test_numbers_where_the_model_takes_text_are_refused(tmp_path: Path) -> None:
    write_model(tmp_path / "m.onnx")
    model = contract(features=["a", "b"], dtype="int64", hash={"buckets": 5})
    (problem,) = check_inputs(examined(tmp_path / "m.onnx"), model)
    assert "input `words` is int64, it takes string: set `dtype: string`" in problem.message
    assert problem.path == "model.inputs[0].dtype"


def test_a_model_of_torch_takes_no_text(tmp_path: Path) -> None:
    torch.save(ranker().state_dict(), tmp_path / "m.pt")
    with pytest.raises(CheckpointMismatch, match="`words` is text, and a model of state_dict takes numbers: give"):
        open_scorer(examined(tmp_path / "m.pt", factory=FACTORY), contract(features=["a"]))


def test_text_of_bytes_of_any_shape() -> None:
    tensor = torch.tensor([[[97, 0], [0, 0]], [[195, 165], [98, 99]]], dtype=torch.uint8)
    assert texts_of(tensor).tolist() == [["a", ""], ["å", "bc"]]
    assert texts_of(tensor[:, 0]).tolist() == ["a", "å"]
    assert texts_of(tensor[:0]).shape == (0, 2)
