from __future__ import annotations

import pytest

from replay.checkpoints import Signature, TensorInfo, TensorSpec
from replay.init.forward import described_call
from replay.init.forward.described import named_table
from tests.init.test_draft import checkpoint


def test_arguments_with_the_tables_that_are_called_like_them():
    signature = Signature((TensorSpec("country", "int64", ("s0",)), TensorSpec("dense", "float32", ("s0", 3))), ())
    tensors = (TensorInfo("emb.country.weight", (200, 4), "float32"), TensorInfo("dense.weight", (8, 3), "float32"))
    call = described_call(checkpoint(signature, tensors=tensors))

    assert call.call == "positional"
    assert [(argument.name, argument.tables) for argument in call.arguments] == [("country", (200,)), ("dense", ())]


def test_entries_of_one_dict():
    signature = Signature((TensorSpec("x.a", "float32", ("s0",)), TensorSpec("x.b", "float32", ("s0",))), ())
    call = described_call(checkpoint(signature))

    assert (call.call, [argument.name for argument in call.arguments]) == ("dict", ["a", "b"])


def test_a_file_without_a_signature():
    assert described_call(checkpoint(None)) is None
    assert described_call(checkpoint(Signature((), ()))) is None


@pytest.mark.parametrize(
    ("names", "rows"),
    [
        ({"country_embedding.weight": (9, 2)}, 9),
        ({"tower.emb_country.weight": (9, 2)}, 9),
        ({"country.weight": (9, 2), "other.country.weight": (8, 2)}, None),
        ({"country.bias": (9,)}, None),
        ({"countryside.weight": (9, 2)}, None),
    ],
)
def test_a_table_by_its_name(names, rows):
    assert named_table("country", [TensorInfo(name, shape, "float32") for name, shape in names.items()]) == rows
