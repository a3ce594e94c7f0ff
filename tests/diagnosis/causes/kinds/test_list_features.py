"""Lists that came otherwise than they were logged: what online answered is plain torch over Python's own lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from replay.config.sections.model.input import Input
from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.find import Diagnosis, find_causes
from replay.diagnosis.causes.kind import KINDS, describe
from tests.diagnosis.linear import counterfactual, score, small_columns, step_of

KIND = KINDS["list_features"]
ROWS, LENGTH = 300, 12
RNG = np.random.default_rng(11)
LISTS = [RNG.integers(1, 40, count).tolist() for count in [0, 0, 0, *RNG.integers(1, 19, ROWS - 3)]]
TIMES = [np.sort(RNG.integers(1, 40, len(row))).tolist() for row in LISTS]
TABLE = torch.from_numpy(RNG.normal(size=(40, 4)))
PLACES = torch.from_numpy(RNG.normal(size=(LENGTH, 4)))
Rows = Sequence[Sequence[int]]


def padded(rows: Rows, left: bool = False) -> torch.Tensor:
    """What serving makes of lists: cut to the first 12, filled up with 0."""
    cut = [list(row[:LENGTH]) for row in rows]
    zeros = [[0] * (LENGTH - len(row)) for row in cut]
    return torch.tensor([[*fill, *row] if left else [*row, *fill] for row, fill in zip(cut, zeros, strict=True)])


def attend(ids: torch.Tensor, times: torch.Tensor | None = None) -> torch.Tensor:
    """A model to which every place counts otherwise."""
    weights = PLACES if times is None else PLACES + 0.3 * TABLE[times]
    return torch.sigmoid((TABLE[ids] * weights).sum((1, 2)) / 4)


def entry(name: str, feature: str, **more: Any) -> Input:
    return Input.model_validate(
        {"name": name, "dtype": "int64", "feature": feature, "length": LENGTH, "pad": 0, "missing": 0, **more}
    )


def prod(tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
    return attend(tensors["items"], tensors.get("times"))


def causes_of(
    online: torch.Tensor, *, inputs: Sequence[Input] = (entry("items", "clicks"),), **given: Any
) -> Diagnosis:
    columns = {"clicks": pa.array(LISTS), "ages": pa.array(TIMES)}
    read = {name: columns[name] for name in columns if any(one.feature == name for one in inputs)}
    return find_causes(
        counterfactual(read, online.numpy(), inputs=inputs, others={"prod": prod}, tolerance=1e-9, **given)
    )


@pytest.mark.parametrize(
    ("served", "step", "words"),
    [
        (lambda row: row[::-1], {"reverse": True}, "clicks in reverse order"),
        (lambda row: row[:5], {"first": 5}, "clicks cut to the first 5"),
        (lambda row: row[-7:], {"last": 7}, "clicks cut to the last 7"),
        (lambda row: row[-LENGTH:], {"last": LENGTH}, f"clicks cut to the last {LENGTH}"),
        (lambda row: row[1:], {"skip_first": 1}, "clicks without the first element"),
        (lambda row: row[:-1], {"skip_last": 1}, "clicks without the last element"),
    ],
    ids=["reversed", "shorter", "shorter from the end", "kept from the end", "first missing", "last missing"],
)  # fmt: skip
def test_what_happened_to_a_list(served: Callable[[list[int]], list[int]], step, words):
    found = causes_of(attend(padded([served(row) for row in LISTS])))
    cause = found.causes[0]

    assert [one.kind for one in found.causes] == ["list_features"]
    assert (cause.features, cause.explained_rate, cause.share) == (("clicks",), 1.0, 1.0)
    assert step_of(cause.hypothesis) == {"op": "rearrange", "features": ["clicks"], **step}
    assert describe(cause.hypothesis) == words


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_on_the_other_side(side):
    contract = "right" if side == "left" else "left"
    found = causes_of(attend(padded(LISTS, left=side == "left")), inputs=(entry("items", "clicks", pad_side=contract),))
    cause = found.causes[0]

    assert (cause.kind, cause.explained_rate) == ("list_features", 1.0)
    assert step_of(cause.hypothesis) == {"op": "rearrange", "features": ["clicks"], "pad_side": side}


def test_on_some_of_the_rows():
    """A third of the hosts turned lists round; the other rows agree, and count as control."""
    hit = RNG.random(ROWS) < 0.3
    served = [row[::-1] if one else row for row, one in zip(LISTS, hit, strict=True)]
    base, online = attend(padded(LISTS)), attend(padded(served))
    cause = causes_of(online, mismatched=(base != online).numpy()).causes[0]

    assert (cause.kind, cause.parameters["reverse"], cause.explained_rate) == ("list_features", "yes", 1.0)


def test_lists_of_one_family_together():
    """Items and their ages were both cut: neither alone gives any online score."""
    inputs = (entry("items", "clicks"), entry("times", "ages"))
    online = attend(padded([row[:4] for row in LISTS]), padded([row[:4] for row in TIMES]))
    cause = causes_of(online, inputs=inputs, families={"history": ("clicks", "ages")}).causes[0]

    assert (cause.kind, cause.families, cause.features) == ("list_features", ("history",), None)
    assert step_of(cause.hypothesis) == {"op": "rearrange", "families": ["history"], "first": 4}


def test_another_order_of_every_list_stays_unexplained():
    shuffled = [RNG.permutation(row).tolist() if row else row for row in LISTS]

    assert [one.kind for one in causes_of(attend(padded(shuffled))).causes] == ["unexplained"]


def test_other_lists_stay_unexplained():
    others = [LISTS[place] for place in RNG.permutation(ROWS)]

    assert [one.kind for one in causes_of(attend(padded(others))).causes] == ["unexplained"]


def test_where_no_feature_is_a_list_nothing_is_tried():
    columns = small_columns()
    lab = counterfactual(columns, score(columns) + 1)

    assert list(KIND.propose(lab, np.arange(40))) == []
    assert list(KIND.refine(lab, [], np.arange(40), np.arange(40))) == []
    assert lab.rows_scored == 0


@pytest.mark.parametrize(("length", "cut"), [(200, 7), (200, 11), (256, 3), (600, 9)])
def test_any_length_is_tried_and_of_very_long_lists_the_usual_ones(length, cut):
    lists = [RNG.integers(1, 40, length).tolist() for _ in range(40)]
    online = attend(padded([row[:cut] for row in lists])).numpy()
    lab = counterfactual({"clicks": pa.array(lists)}, online, inputs=(entry("items", "clicks"),), others={"prod": prod})
    tried = list(filter(None, KIND.refine(lab, [], np.arange(40), np.arange(40))))

    assert describe(tried[0].hypothesis) == f"clicks cut to the first {cut}"
    assert lab.rows_scored <= (2 * min(length, 256) + 4) * 40


@pytest.mark.parametrize(
    ("parameters", "short"),
    [
        ({"reverse": "yes"}, "{names} in reverse order"),
        ({"first": 5, "chance_rate": 0.0}, "{names} cut to the first {first}"),
        ({"pad_side": "left"}, "{names} padded on the {pad_side}"),
    ],
    ids=["reversed", "cut", "padded"],
)
def test_words(parameters, short):
    words = KIND.words(Cause("list_features", 1.0, 40, parameters=parameters))

    assert (words.short, words.as_if) == (short, f"as if {short.replace('{names}', '{names} had been', 1)}")
