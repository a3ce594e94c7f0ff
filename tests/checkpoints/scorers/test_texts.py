"""Text at the call, through onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List  # noqa: UP035 - what TorchScript reads

import onnx
import pyarrow as pa
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

from replay.checkpoints import check_inputs, open_scorer
from replay.checkpoints.scorers.texts import texts_of
from replay.config.sections.model.contract import ModelConfig
from replay.errors import CheckpointMismatch
from replay.features import Encoder
from tests.checkpoints.models import FACTORY, examined, quiet, ranker, save


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


def test_a_module_that_takes_numbers_says_what_to_write(tmp_path: Path) -> None:
    torch.save(ranker().state_dict(), tmp_path / "m.pt")
    model = ModelConfig.model_validate(
        {"inputs": [{"name": "words", "dtype": "string", "feature": "a"}, {"name": "ids", "features": ["b"]}]}
    )
    scorer = open_scorer(examined(tmp_path / "m.pt", factory=FACTORY), model)
    batch = pa.RecordBatch.from_pydict({"a": ["x", "y"], "b": [1.0, 2.0]})
    with pytest.raises(CheckpointMismatch, match=r"`words` is a list of strings to forward.*give a `vocabulary`"):
        scorer.score(Encoder(model, batch.schema).encode(batch).tensors)


def test_an_exported_program_takes_no_text(tmp_path: Path) -> None:
    save("torch.export", ranker(), tmp_path / "m.pt2")
    with pytest.raises(CheckpointMismatch, match=r"`words` is text, and a model of torch\.export takes numbers: give"):
        open_scorer(examined(tmp_path / "m.pt2"), contract(features=["a"]))


class Words(nn.Module):
    """Looks words up itself, as scripted models for serving do."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.places: Dict[str, int] = {"Oslo": 1, "Zürich": 2, "": 3}  # noqa: UP006
        self.table = nn.Embedding(4, 3)
        self.out = nn.Linear(4, 1)

    def forward(self, price: torch.Tensor, city: List[str]) -> torch.Tensor:  # noqa: UP006
        places: List[int] = []  # noqa: UP006
        for each in city:
            places.append(self.places[each] if each in self.places else 0)  # noqa: PERF401, SIM401 - as TorchScript has it
        known = self.table(torch.tensor(places))
        return self.out(torch.cat([price.unsqueeze(1), known], 1)).squeeze(1)


@pytest.mark.parametrize("form", ["torchscript", "state_dict"])
@pytest.mark.parametrize("call", ["positional", "keyword"])
def test_lists_of_strings_reach_modules(form: str, call: str, tmp_path: Path) -> None:
    module = Words().eval()
    if form == "torchscript":
        with quiet():
            torch.jit.save(torch.jit.script(module), tmp_path / "m.pt")
    else:
        torch.save(module.state_dict(), tmp_path / "m.pt")
    config = {} if form == "torchscript" else {"factory": f"{__name__}:Words"}
    cities = ["Oslo", "Zürich", None, "", "Bergen", "Oslo"] * 100
    prices = [float(place) for place in range(600)]
    model = ModelConfig.model_validate(
        {
            "call": call,
            "inputs": [
                {"name": "price", "feature": "p"},
                {"name": "city", "dtype": "string", "feature": "c", "missing": ""},
            ],
        }
    )
    batch = pa.RecordBatch.from_pydict({"p": prices, "c": cities})
    scores = open_scorer(examined(tmp_path / "m.pt", **config), model).score(
        Encoder(model, batch.schema).encode(batch).tensors
    )
    expected = module(torch.tensor(prices), [city or "" for city in cities]).detach()
    torch.testing.assert_close(scores, expected, rtol=1e-6, atol=1e-6)


def test_text_of_bytes_of_any_shape() -> None:
    tensor = torch.tensor([[[97, 0], [0, 0]], [[195, 165], [98, 99]]], dtype=torch.uint8)
    assert texts_of(tensor).tolist() == [["a", ""], ["å", "bc"]]
    assert texts_of(tensor[:, 0]).tolist() == ["a", "å"]
    assert texts_of(tensor[:0]).shape == (0, 2)
