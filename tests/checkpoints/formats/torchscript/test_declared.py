"""What TorchScript source declares, from text written by hand."""

from __future__ import annotations

import ast

import pytest

from replay.checkpoints.formats.torchscript.declared import Declared, annotation, declared

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


def of_source(text: str) -> Declared:
    return declared({"__torch__": ast.parse(text)})


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


def test_names_are_full_and_those_of_all_modules_are_together() -> None:
    found = declared(
        {"__torch__.a": ast.parse("class A(Module):\n  x : int\n"), "__torch__.b": ast.parse("def f(): pass")}
    )
    assert set(found.classes) == {"__torch__.a.A"}
    assert found.functions == {"__torch__.b.f"}
    assert found.attribute_names == {"x"}
    assert not found.sets_itself_up


def test_a_name_that_is_no_identifier_is_annotated_by_subscript() -> None:
    """As torch writes the attribute ``0`` of an ``nn.Sequential``."""
    (sequential,) = of_source(
        'class S(Module):\n  __annotations__ = []\n  __annotations__["0"] = __torch__.Linear\n  training : bool\n'
    ).classes.values()
    assert sequential.attributes == {"__annotations__", "0", "training"}
    assert {name: ast.unparse(kind) for name, kind in sequential.types.items()} == {
        "0": "__torch__.Linear",
        "training": "bool",
    }
    assert (sequential.forward, sequential.parameters, sequential.state) == (None, frozenset(), None)


@pytest.mark.parametrize(
    ("source", "bases"),
    [
        ("class A(NamedTuple):\n  a : Tensor\n", {"NamedTuple"}),
        ("class A(Enum):\n  RED = 1\n", {"Enum"}),
        ("class A(Interface):\n  def f(self) -> int:\n    pass\n", {"Interface"}),
        ("class A:\n  a : Tensor\n", set()),
    ],
)
def test_what_a_class_is(source: str, bases: set[str]) -> None:
    assert of_source(source).classes["__torch__.A"].bases == bases


def test_arguments_without_a_type_are_tensors() -> None:
    (found,) = of_source("class A(Module):\n  def f(self, x, *, n: int):\n    return x\n").classes.values()
    assert found.methods == {"f": "(Tensor, int) -> Tensor"}
    assert annotation(None) == "Tensor"
    assert annotation(ast.parse("Dict[str,int]", mode="eval").body) == "Dict[str, int]"
