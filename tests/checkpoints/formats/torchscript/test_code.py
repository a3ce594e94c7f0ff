"""TorchScript source: what it calls, takes and gives, from text written by hand."""

from __future__ import annotations

import ast

import pytest

from replay.checkpoints.checkpoint import Signature, TensorSpec
from replay.checkpoints.formats.torchscript.code import parse_source, read_code, script_signature
from replay.checkpoints.formats.torchscript.declared import declared
from replay.errors import UnsafeCheckpoint
from tests.checkpoints.formats.torchscript.test_declared import MODEL


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
