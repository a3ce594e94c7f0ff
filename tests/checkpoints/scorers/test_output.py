"""From any answer to one score a row."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, namedtuple
from typing import Any

import numpy as np
import pytest
import scipy.special
import torch

from replay.checkpoints.scorers.output import ScoreReader
from replay.config.sections.model.output import Output
from replay.errors import CheckpointMismatch

Pair = namedtuple("Pair", ["ctr", "cvr"])


@dataclasses.dataclass
class Heads:
    ctr: torch.Tensor
    both: torch.Tensor


class Plain:
    """An answer with attributes, such as the ones of large model libraries."""

    def __init__(self, logits: torch.Tensor) -> None:
        self.logits = logits


A = torch.tensor([1.0, 2.0, 3.0])
B = torch.tensor([10.0, 20.0, 30.0])
BOTH = torch.stack([A, B], dim=1)  # (3, 2)


def read(answer: Any, select: Any = None, transform: str = "none", num_rows: int = 3) -> torch.Tensor:
    return ScoreReader(Output.model_validate({"select": select, "transform": transform}), "prod").read(answer, num_rows)


ANSWERS = {
    "tensor": (A, None, A),
    "column": (A[:, None], None, A),
    "the one output": (A, 0, A),
    "the one output, from the end": (A, -1, A),
    "a head": (BOTH, 1, B),
    "a head, from the end": (BOTH, -2, A),
    "a column by index": (B[:, None], 0, B),
    "a head of a head": (BOTH[:, None, :], [0, 1], B),
    "tuple": ((A, B), 1, B),
    "tuple, from the end": ((A, B), -1, B),
    "list": ([A, B], 0, A),
    "tuple of columns": ((A[:, None], B[:, None]), 1, B),
    "a head in a tuple": ((A, BOTH), [1, 0], A),
    "dict": ({"ctr": A, "cvr": B}, "cvr", B),
    "dict by place": (OrderedDict(ctr=A, cvr=B), 1, B),
    "dict with numbers": ({1: A, 0: B}, 1, A),
    "nested": ({"heads": {"ctr": (BOTH,)}}, ["heads", "ctr", 0, 1], B),
    "named tuple by name": (Pair(A, B), "cvr", B),
    "named tuple by place": (Pair(A, B), 0, A),
    "dataclass": (Heads(A, BOTH), ["both", 1], B),
    "dataclass by place": (Heads(A, BOTH), 0, A),
    "attributes": (Plain(B), "logits", B),
    "a container of one": ({"score": (A[:, None],)}, None, A),
}


@pytest.mark.parametrize(("answer", "select", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_selections(answer: Any, select: Any, expected: torch.Tensor) -> None:
    torch.testing.assert_close(read(answer, select), expected, rtol=0, atol=0)


REFUSED = {
    "which of two": ((A, B), None, "a tuple of 2 (0: a float32 tensor of shape (3,)"),
    "which head": (BOTH, None, "found a float32 tensor of shape (3, 2), expected (3,) or (3, 1)"),
    "no such head": (BOTH, 2, "`2` is not in a float32 tensor of shape (3, 2)"),
    "no such place": ((A, B), 2, "`2` is not in a tuple of 2"),
    "misspelt": ({"ctr": A, "cvr": B}, "crt", "did you mean `ctr`?"),
    "misspelt attribute": (Heads(A, BOTH), "crt", "did you mean `ctr`?"),
    "a key of a tensor": (A, "ctr", "a tensor has no keys"),
    "no such number": ({1: A, 0: B}, 2, "`2` is not in a dict of 2"),
    "second step": ({"ctr": (A,)}, ["ctr", 1], "`1` (after ctr) is not in a tuple of 1"),
    "nothing": (None, None, "The model answers nothing"),
    "a number": (1.5, None, "The model answers a value of type float"),
    "a value for all": (torch.tensor(1.0), None, "found a float32 tensor of shape (), expected (3,) or (3, 1)"),
    "rows and columns exchanged": (A[None, :], None, "shape (1, 3)"),
    "one too few": (A[:2], None, "found 2 scores for 3 rows"),
    "one too many": (torch.cat([A, A])[:, None], None, "found 6 scores for 3 rows"),
    "classes": (torch.tensor([1, 0, 1]), None, "found an int64 tensor of shape (3,), expected floating-point scores"),
    "an index into rows": ((A,), [0, 1], "`1` (after 0) is not in"),
}


@pytest.mark.parametrize(("answer", "select", "message"), REFUSED.values(), ids=REFUSED)
def test_refusals_say_what_was_found_and_how_to_select(answer: Any, select: Any, message: str) -> None:
    with pytest.raises(CheckpointMismatch) as caught:
        read(answer, select)
    assert message in str(caught.value)
    assert "'prod'" in str(caught.value)
    assert "output: {select:" in str(caught.value)


def test_a_single_row_may_be_squeezed_away() -> None:
    assert read(torch.tensor(4.0), num_rows=1).tolist() == [4.0]


def test_transforms_follow_their_formulas() -> None:
    x = torch.tensor([-800.0, -20.0, -1.0, 0.0, 1.0, 20.0, 800.0], dtype=torch.float64)
    expected = torch.from_numpy(scipy.special.expit(x.numpy()))
    torch.testing.assert_close(read(x, transform="sigmoid", num_rows=7), expected, rtol=1e-12, atol=0)
    small = x[1:-1]
    torch.testing.assert_close(
        read(small, transform="exp", num_rows=5), torch.from_numpy(np.exp(small.numpy())), rtol=1e-12, atol=0
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_widened_before_the_transform(dtype: torch.dtype) -> None:
    x = torch.tensor([0.1, -3.0, 9.0]).to(dtype)
    scores = read(x, transform="sigmoid")
    assert scores.dtype == torch.float32
    torch.testing.assert_close(scores, torch.from_numpy(scipy.special.expit(x.float().numpy())), rtol=1e-6, atol=0)


def test_float64_stays() -> None:
    assert read(A.double(), transform="sigmoid").dtype == torch.float64


def test_softmax_is_over_the_heads_that_the_last_step_picks_from() -> None:
    expected = scipy.special.softmax(BOTH.double().numpy(), axis=1)
    for head in (0, 1, -1):
        got = read({"logits": BOTH.double()}, select=["logits", head], transform="softmax")
        torch.testing.assert_close(got, torch.from_numpy(expected[:, head]), rtol=1e-12, atol=0)


def test_softmax_of_half_precision_is_taken_in_float32() -> None:
    scores = read(BOTH.bfloat16(), select=0, transform="softmax")
    assert scores.dtype == torch.float32
    torch.testing.assert_close(scores, torch.from_numpy(scipy.special.softmax(BOTH.numpy(), axis=1)[:, 0]))


@pytest.mark.parametrize("answer", [(A, B), A, A[:, None]], ids=["a tuple", "one score", "one head"])
def test_softmax_needs_heads(answer: Any) -> None:
    with pytest.raises(CheckpointMismatch, match=r"expected \(batch, heads\) for `softmax`"):
        read(answer, select=0, transform="softmax")


def test_transforms_of_a_list_go_on_from_the_softmax() -> None:
    small = BOTH.double() / 10
    got = read(small, select=1, transform=["softmax", "logit"])
    torch.testing.assert_close(got, small[:, 1] - small[:, 0], rtol=1e-9, atol=0)
