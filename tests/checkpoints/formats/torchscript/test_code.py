"""TorchScript source: what it declares, calls and takes, from text written by hand."""

from __future__ import annotations

import ast

import pytest

from replay.checkpoints.checkpoint import Signature, TensorSpec
from replay.checkpoints.formats.torchscript.code import parse_source, read_code, script_signature
from replay.checkpoints.formats.torchscript.declared import declared
from replay.errors import UnsafeCheckpoint

MODEL = """class Model(Module):
  __parameters__ = ["weight", "bias", ]
  __buffers__ = []
  weight : Tensor
  bias : Tensor
  names : List[str]
  def forward(self: __torch__.Model, x: Tensor, scale: float=2.) -> Tuple[Tensor, Tensor]:
    y = torch.linear(x, self.weight, self.bias)
    z = torch.relu(y)
    return (torch.relu(z), ops.aten.neg(y))
  def __setstate__(self: __torch__.Model, state: Dict[str, Tensor]) -> NoneType:
    return None
def helper(x: Tensor) -> Tensor:
  return x
"""


def test_what_is_declared() -> None:
    found = declared({"__torch__": ast.parse(MODEL)})
    (model,) = found.classes.values()
    assert found.defines("__torch__.Model")
    assert found.defines("__torch__.helper")
    assert not found.defines("__torch__.forward")
    assert found.functions == {"__torch__.helper"}
    assert model.parameters == {"weight", "bias"}
    assert model.bases == {"Module"}
    assert {name: ast.unparse(kind) for name, kind in model.types.items()} == {
        "weight": "Tensor",
        "bias": "Tensor",
        "names": "List[str]",
    }
    assert model.attributes == {"__parameters__", "__buffers__", *model.types, "forward", "__setstate__"}
    assert model.methods["forward"] == "(Tensor, float) -> Tuple[Tensor, Tensor]"
    assert model.state is not None
    assert ast.unparse(model.state) == "Dict[str, Tensor]"
    assert found.sets_itself_up
    assert not declared({"__torch__": ast.parse("class Plain(Module):\n  x : int\n")}).sets_itself_up


def test_what_is_called() -> None:
    code = read_code({"__torch__": MODEL}, "file")
    assert dict(code.operators) == {"aten.relu": 2, "aten.linear": 1, "aten.neg": 1}
    assert code.functions == 3
    assert code.custom_classes == ()


def test_what_forward_takes_and_gives() -> None:
    forward = declared({"__torch__": ast.parse(MODEL)}).classes["__torch__.Model"].forward
    expected = Signature((TensorSpec("x"), TensorSpec("scale", "float")), (TensorSpec("0"), TensorSpec("1")), "tuple")
    assert script_signature(forward) == expected
    assert script_signature(None) is None


@pytest.mark.parametrize("text", ["x = 'a'", "x = 1 # a", "x = \\\n  1", 'x = """a"""', "x = \u00e9", "x = ("])
def test_text_is_refused_that_torch_does_not_write(text: str) -> None:
    with pytest.raises(UnsafeCheckpoint, match="not as torch writes it"):
        parse_source(text, "code")
