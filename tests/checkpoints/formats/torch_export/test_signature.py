"""Inputs and outputs of torch.export programs: those that torch exported, and JSON changed by hand."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from replay.checkpoints.checkpoint import Signature, TensorSpec
from replay.checkpoints.examine import examine
from replay.checkpoints.formats.torch_export.signature import program_signature
from replay.config.sections.checkpoints import CheckpointConfig
from replay.errors import CorruptCheckpoint
from tests.checkpoints.samples import read_entry

LEAF = {"type": None, "context": None, "children_spec": []}


def test_the_signature_is_that_of_the_graph(program: Any) -> None:
    signature = program_signature(program, "file")
    (batch,) = {spec.shape[0] for spec in signature.inputs if spec.shape}
    assert isinstance(batch, str)
    assert signature.inputs == (TensorSpec("ids", "int64", (batch,)), TensorSpec("dense", "float32", (batch, 4)))
    assert signature.outputs == (TensorSpec("", "float32", (batch,)),)
    assert signature.structure == "tensor"


def test_a_program_without_a_graph_is_corrupt() -> None:
    with pytest.raises(CorruptCheckpoint, match="no readable graph"):
        program_signature({"graph_module": {"graph": None}}, "file")


class Many(nn.Module):
    def forward(self, batch: dict[str, torch.Tensor]) -> dict[str, Any]:
        total = batch["a"] + batch["b"] + torch.tensor([1.0, 2.0])
        return {"ctr": total, "heads": (total * 2, [total * 3])}


def test_outputs_are_named_by_their_path(tmp_path: Path) -> None:
    path = tmp_path / "many.pt2"
    example = ({"a": torch.ones(3, 2), "b": torch.ones(3, 2)},)
    torch.export.save(torch.export.export(Many(), example), path)
    checkpoint = examine(CheckpointConfig(path=str(path)), "prod")
    assert checkpoint.signature is not None
    assert [spec.name for spec in checkpoint.signature.outputs] == ["ctr", "heads.0", "heads.1.0"]
    assert checkpoint.signature.structure == "dict"
    assert [spec.shape for spec in checkpoint.signature.inputs] == [(3, 2), (3, 2)]
    assert [info.shape for info in checkpoint.tensors] == [(2,)]


class Mixed(nn.Module):
    def forward(self, x: torch.Tensor, scale: float) -> Any:
        return [torch.cat([x, x]), (x.sum(1) * scale, x.double()), x.shape[0]]


def test_sizes_and_dtypes_are_those_of_the_program(tmp_path: Path) -> None:
    path = tmp_path / "mixed.pt2"
    example = (torch.ones(3, 4, dtype=torch.bfloat16), 2.5)
    shapes = {"x": {0: torch.export.Dim("batch")}, "scale": None}
    torch.export.save(torch.export.export(Mixed(), example, dynamic_shapes=shapes), path)
    found = program_signature(json.loads(read_entry(path, "models/model.json")), "file")
    (batch,) = {spec.shape[0] for spec in found.inputs if spec.shape}
    assert isinstance(batch, str)
    assert batch.isidentifier()
    assert found == Signature(
        (TensorSpec("x", "bfloat16", (batch, 4)),),
        (
            TensorSpec("0", "bfloat16", (f"Mul(2, {batch})", 4)),
            TensorSpec("1.0", "bfloat16", (batch,)),
            TensorSpec("1.1", "float64", (batch, 4)),
            TensorSpec("2", "sym_int", ()),
        ),
        "list",
    )


def test_a_dtype_of_an_unknown_number_is_not_said(program: Any) -> None:
    changed = copy.deepcopy(program)
    changed["graph_module"]["graph"]["tensor_values"]["dense"]["dtype"] = 99
    assert program_signature(changed, "file").inputs[1].dtype is None


def test_sizes_are_numbers_or_expressions_of_names(program: Any) -> None:
    changed = copy.deepcopy(program)
    size = {"as_expr": {"expr_str": "Add(Symbol('s9', positive=True, integer=True), Integer(-3))", "hint": None}}
    changed["graph_module"]["graph"]["tensor_values"]["dense"]["sizes"] = [{"as_int": 7}, size]
    assert program_signature(changed, "file").inputs[1].shape == (7, "Add(s9, -3)")


@pytest.mark.parametrize(
    ("kind", "context", "name", "structure"),
    [
        ("builtins.dict", '["ctr"]', "ctr", "dict"),
        ("builtins.tuple", "null", "0", "tuple"),
        ("builtins.dict", "no JSON", "0", "dict"),
        ("builtins.dict", '["a", "b"]', "0", "dict"),
        ("my_team.Scores", "null", "0", "my_team.Scores"),
    ],
)
def test_the_name_of_an_output_is_its_path(program: Any, kind: str, context: str, name: str, structure: str) -> None:
    changed = copy.deepcopy(program)
    tree = {"type": kind, "context": context, "children_spec": [LEAF]}
    changed["graph_module"]["module_call_graph"][0]["signature"]["out_spec"] = json.dumps([1, tree])
    found = program_signature(changed, "file")
    assert [output.name for output in found.outputs] == [name]
    assert found.structure == structure


def test_outputs_keep_the_names_of_the_graph_where_there_are_not_as_many_paths(program: Any) -> None:
    changed = copy.deepcopy(program)
    module = changed["graph_module"]
    pair = {"type": "builtins.tuple", "context": "null", "children_spec": [LEAF, LEAF]}
    module["module_call_graph"][0]["signature"]["out_spec"] = json.dumps([1, pair])
    (output,) = program_signature(changed, "file").outputs
    assert output.name == module["graph"]["outputs"][0]["as_tensor"]["name"]
