"""Objects of a TorchScript archive: of the class that their place declares, and cast to no other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from torch import Tensor, nn

from replay.checkpoints.examine import examine
from replay.checkpoints.formats.torchscript import code as script_code
from replay.checkpoints.formats.torchscript.objects import DeclaredTypes
from replay.checkpoints.open import open_scorer
from replay.checkpoints.safety.placeholders import placeholder_class
from replay.config.sections.checkpoints import CheckpointConfig
from replay.errors import UnsafeCheckpoint
from tests.checkpoints.models import contract
from tests.checkpoints.samples import edit_entry, insert_lines, read_entry
from tests.checkpoints.script_models import Objects, written


class Small(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x


class Big(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = 1.0, 2.0, 3.0

    def forward(self, x: Tensor) -> Tensor:
        return x * self.a + self.b * self.c


class Both(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.small, self.big = Small(), Big()

    def forward(self, x: Tensor) -> Tensor:
        return self.big(self.small(x))


def swapped(path: Path, old: str, new: str) -> Path:
    """The archive with a pattern in its source replaced, once."""

    def edit(text: bytes) -> bytes:
        found, count = re.subn(old, new, text.decode(), count=1)
        assert count == 1
        return found.encode()

    edit_entry(path, "test_objects.py", edit)
    return path


def test_a_cast_to_another_class_is_refused_before_anything_is_called(tmp_path: Path) -> None:
    """torch reads the attributes of the other class from an object that does not have them."""
    path = written(Both(), tmp_path / "m.pt")
    big = re.search(r"big : (\S+)", read_entry(path, "test_objects.py"))
    assert big is not None
    swapped(path, r"\(small\)\.forward", f"(unchecked_cast({big[1]}, small)).forward")
    checkpoint = examine(CheckpointConfig(path=str(path)), "prod")
    with pytest.raises(UnsafeCheckpoint, match=r"casts .*Small to .*Big, which would read memory"):
        open_scorer(checkpoint, contract("x"))


def test_an_object_of_another_class_than_declared_is_refused(tmp_path: Path) -> None:
    path = written(Both(), tmp_path / "m.pt")
    big = re.search(r"big : (\S+)", read_entry(path, "test_objects.py"))
    assert big is not None
    swapped(path, r"small : \S+", f"small : {big[1]}")
    with pytest.raises(UnsafeCheckpoint, match=r"small of the model .* an object of another class"):
        examine(CheckpointConfig(path=str(path)), "prod")


@pytest.mark.parametrize(
    ("declared", "fine"),
    [
        ("__torch__.A", True),
        ("__torch__.B", False),
        ("Optional[__torch__.A]", True),
        ("Optional[__torch__.B]", False),
        ("__torch__.I", True),
        ("__torch__.J", False),
        ("__torch__.Other", False),
        ("Tensor", True),
    ],
)
def test_objects_fit_what_is_declared(declared: str, fine: bool) -> None:
    source = "class A(Module):\n  def f(self) -> int:\n    return 1\nclass B(Module):\n  pass\n"
    source += (
        "class I(Interface):\n  def f(self) -> int:\n    pass\nclass J(Interface):\n  def g(self) -> int:\n    pass\n"
    )
    classes = script_code.read_code({"__torch__": source}, "code").classes
    value = placeholder_class("__torch__.A")()
    assert DeclaredTypes(classes).fits(value, annotation(declared)) is fine
    listed = annotation(f"List[Tuple[int, Dict[str, {declared}]]]")
    assert DeclaredTypes(classes).fits([(1, {"a": value})], listed) is fine


def annotation(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def test_a_list_has_one_type_wherever_it_is_shared() -> None:
    shared: list[object] = []
    types = DeclaredTypes({})
    assert types.fits(shared, annotation("List[__torch__.A]"))
    assert types.fits(shared, annotation("List[__torch__.A]"))
    assert not types.fits(shared, annotation("List[Any]"))
    assert types.fits([], annotation("List[Any]"))


def test_parts_of_a_named_tuple_and_of_an_interface_fit() -> None:
    source = "class A(Module):\n  def f(self, n: int) -> int:\n    return n\nclass B(Module):\n  pass\n"
    source += "class NT(NamedTuple):\n  a : __torch__.A\n  n : int\n"
    source += "class I(Interface):\n  def f(self, n: int) -> int:\n    pass\n"
    source += "class J(Interface):\n  def f(self, n: int) -> __torch__.B:\n    pass\n"
    source += "class K(Interface):\n  def f(self) -> int:\n    pass\n"
    types = DeclaredTypes(script_code.read_code({"__torch__": source}, "code").classes)
    a, b = placeholder_class("__torch__.A")(), placeholder_class("__torch__.B")()
    assert types.fits((a, 1), annotation("__torch__.NT"))
    for wrong in ((b, 1), (a,), a, [a, 1]):
        assert not types.fits(wrong, annotation("__torch__.NT"))
    assert types.fits(a, annotation("__torch__.I"))
    assert not types.fits(a, annotation("__torch__.J"))
    assert not types.fits(a, annotation("__torch__.K"))
    assert not types.fits(a, annotation("Future[__torch__.A]"))
    assert not types.fits((a,), annotation("List[__torch__.A]"))


@pytest.mark.parametrize(
    ("held", "empty", "made", "fill"),
    [
        ("List[{}]", "[]", "List[Any]", "_1 = torch.append(b, x)"),
        ("Dict[str, {}]", "{{}}", "Dict[str, Any]", '_1 = torch._set_item(b, "q", x)'),
    ],
)
def test_a_container_is_not_cast_to_one_of_anything(
    tmp_path: Path, held: str, empty: str, made: str, fill: str
) -> None:
    path = written(Objects(), tmp_path / "m.pt")
    counter = re.search(r"(__torch__\S*Counter)\.__new__", read_entry(path, "script_models.py"))
    assert counter is not None
    cast = [f"cs = annotate({held.format(counter[1])}, {empty.format()})", f"b = unchecked_cast({made}, cs)", fill]
    insert_lines(path, [*cast, "x = torch.add(x, torch.len(cs))"], "script_models.py")
    checkpoint = examine(CheckpointConfig(path=str(path)), "prod")
    with pytest.raises(UnsafeCheckpoint, match="which would read memory"):
        open_scorer(checkpoint, contract("x"))
