"""rearrange: lists turned round, cut and padded, against hands and Python's own slices."""

from __future__ import annotations

import pyarrow as pa
import pytest
import torch
from pydantic import ValidationError

from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.model.input import Input
from replay.config.sections.scenarios import Perturbation
from replay.errors import ConfigError
from replay.features import Encoder
from tests.scenarios.making import changed, described, plan

LISTS = [[1, 2, 3, 4], None, [], [5], [6, None, 7]]
KINDS = [
    pa.list_(pa.int64()),
    pa.large_list(pa.float32()),
    pa.list_view(pa.int8()),
    pa.large_list_view(pa.uint16()),
    pa.list_(pa.string()),
    pa.list_(pa.dictionary(pa.int8(), pa.string())),
]
STEPS = {
    "reverse": ({"reverse": True}, lambda row: row[::-1]),
    "first": ({"first": 2}, lambda row: row[:2]),
    "last": ({"last": 2}, lambda row: row[-2:]),
    "skip first": ({"skip_first": 1}, lambda row: row[1:]),
    "skip last": ({"skip_last": 2}, lambda row: row[:-2]),
}


def contract(**of_input):
    entry = {"name": "clicks", "feature": "x", "dtype": "int64", "missing": 0, "pad": 0, "length": 3, **of_input}
    return ModelConfig(inputs=(Input.model_validate(entry),))


PADDED = contract()


@pytest.mark.parametrize("case", STEPS)
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_kind_of_list_as_python_slices(kind, case):
    step, expected = STEPS[case]
    text = pa.types.is_string(kind.value_type) or pa.types.is_dictionary(kind.value_type)
    rows = [row and [str(one) if text and one is not None else one for one in row] for row in LISTS]
    array = pa.array(rows, kind)

    for part in (array, array.slice(1, 4)):
        found = changed(part, using=PADDED, op="rearrange", **step)
        found.validate(full=True)
        assert found.type == kind
        assert found.to_pylist() == [row if row is None else expected(row) for row in part.to_pylist()]


def test_vectors_of_a_fixed_size_turn_round():
    array = pa.array([[1.0, 2.0], None], pa.list_(pa.float32(), 2))

    assert changed(array, op="rearrange", reverse=True).to_pylist() == [[2.0, 1.0], None]


@pytest.mark.parametrize(
    ("contracts", "side", "expected"),
    [
        ({}, "left", [[1, 2, 3], None, [0, 0, 0], [0, 0, 5]]),
        ({"pad_side": "left"}, "right", [[1, 2, 3], None, [0, 0, 0], [5, 0, 0]]),
        ({"keep": "last", "pad": 9}, "left", [[2, 3, 4], None, [9, 9, 9], [9, 9, 5]]),
    ],
    ids=["left", "right", "the last ones"],
)
def test_padding_on_the_other_side(contracts, side, expected):
    array = pa.array([[1, 2, 3, 4], None, [], [5]], pa.list_(pa.int16()))
    using = contract(**contracts)
    found = changed(array, using=using, op="rearrange", pad_side=side)

    assert found.to_pylist() == expected
    # What the model sees is what a contract that pads on that side makes of the logged lists.
    of_side = contract(**{**contracts, "pad_side": side})
    seen, wanted = (
        Encoder(model, pa.schema({"x": array.type})).encode(pa.RecordBatch.from_pydict({"x": one}))
        for model, one in ((using, found), (of_side, array))
    )
    assert torch.equal(seen.tensors["clicks"], wanted.tensors["clicks"])


def test_a_null_in_a_list_that_is_filled_up():
    array = pa.array([[1, None]], pa.list_(pa.int64()))

    assert changed(array, using=PADDED, op="rearrange", pad_side="left").to_pylist() == [[0, 1, None]]


@pytest.mark.parametrize(
    ("array", "using", "step", "message"),
    [
        (pa.array([1]), None, {"reverse": True}, "`rearrange` changes lists, but `x` is logged as int64"),
        (
            pa.array([[1.0]], pa.list_(pa.float32(), 1)), None, {"first": 1},
            r"logged as fixed_size_list<.*\[1\], whose lists cannot be shorter",
        ),
        (
            pa.array([[1]]), contract(pad=None), {"skip_last": 1},
            "input `clicks` refuses lists of `x` that are shorter than its `length`: give it a `pad`",
        ),
        (pa.array([[1]]), contract(length=None), {"pad_side": "left"}, "`clicks` has no `pad` and `length`"),
        (
            pa.array([[1]]),
            ModelConfig(inputs=(*PADDED.inputs, Input(name="mask", mask_of="clicks"))),
            {"pad_side": "left"},
            "`mask` would count the padding of `x` as elements",
        ),
        (
            pa.array([[1]]),
            ModelConfig(
                inputs=(*PADDED.inputs, Input(name="other", dtype="int64", feature="x", pad=1, length=3, missing=0))
            ),
            {"pad_side": "left"},
            "the inputs that read `x` pad it differently",
        ),
    ],
    ids=["no list", "fixed size", "fixed length", "any width", "mask", "two inputs"],
)  # fmt: skip
def test_what_does_not_fit_is_told_before_a_row_is_read(array, using, step, message):
    with pytest.raises(ConfigError, match=message):
        plan({"x": array}, {"op": "rearrange", "features": "x", **step}, using=using)


def test_a_column_of_nulls():
    assert changed(pa.nulls(2), op="rearrange", reverse=True).to_pylist() == [None, None]


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"reverse": True, "first": 2}, "takes one of `reverse`, `first`"),
        ({"reverse": False}, "Input should be True"),
        ({"first": 0}, "greater than 0"),
        ({"last": True}, "found true"),
        ({"pad_side": "middle"}, "'right' or 'left'"),
    ],
    ids=["two at once", "not reversed", "no element", "no count", "no side"],
)
def test_what_a_step_may_say(step, message):
    with pytest.raises(ValidationError, match=message):
        Perturbation(op="rearrange", features=("x",), **step)


def test_lengths_are_listed():
    step = Perturbation(op="rearrange", features=("x",), first=[2, 3])

    assert step.listed == ((1.0,), (2, 3), (None,))
    assert step.single((1.0, 3, None)).model_dump(mode="json")["first"] == [3]


def test_what_the_schema_says():
    assert described("reverse", "skip_first") == [
        "rearrange: `true` turns lists round: the last element comes first.",
        "rearrange: how many elements are missing at the beginning.",
    ]
