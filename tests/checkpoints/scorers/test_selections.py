"""What of an answer could be the score."""

from __future__ import annotations

from collections import namedtuple

import pytest
import torch

from replay.checkpoints.scorers.output import ScoreReader
from replay.checkpoints.scorers.selections import selections
from replay.config.sections.model.output import Output

Pair = namedtuple("Pair", ["ctr", "cvr"])
A = torch.tensor([1.0, 2.0, 3.0])
BOTH = torch.stack([A, 10 * A], dim=1)

ANSWERS = {
    "a tensor": (A, (None,)),
    "a column": (A[:, None], (None,)),
    "heads": (BOTH, (0, 1)),
    "a dict": ({"ctr": A, "aux": BOTH}, ("ctr", ("aux", 0), ("aux", 1))),
    "a tuple": ((A, A[:, None]), (0, 1)),
    "a named tuple": (Pair(A, BOTH), ("ctr", ("cvr", 0), ("cvr", 1))),
    "nested": ({"heads": {"ctr": (BOTH,)}}, (("heads", "ctr", 0, 0), ("heads", "ctr", 0, 1))),
    "classes and other sizes": ({"class": torch.tensor([1, 0, 1]), "loss": torch.tensor(0.5), "ctr": A}, ("ctr",)),
    "nothing": (None, ()),
}


@pytest.mark.parametrize(("answer", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_everything_with_one_number_a_row(answer, expected):
    assert selections(answer, 3) == expected


@pytest.mark.parametrize("answer", [answer for answer, _ in ANSWERS.values()], ids=ANSWERS)
def test_every_selection_can_be_read(answer):
    for select in selections(answer, 3):
        assert len(ScoreReader(Output(select=select), "prod").read(answer, 3)) == 3


def test_at_most_64_heads():
    assert selections(torch.zeros(3, 100), 3) == tuple(range(64))
