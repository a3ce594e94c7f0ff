from __future__ import annotations

import torch
from torch import nn

from replay.init.forward.forms import Form
from replay.init.forward.lookups import Lookups, find_lookups
from replay.init.forward.watching import WatchedModule


class Tables(nn.Module):
    def __init__(self):
        super().__init__()
        self.small, self.large = nn.Embedding(1, 2), nn.Embedding(9, 2)

    def forward(self, stack, history, unused):
        return self.small(stack[:, 1]) + self.large(stack[:, 0]) + self.large(history).sum(dim=1)


def test_each_column_with_the_rows_of_its_table():
    watched = WatchedModule(Tables())
    forms = {"stack": Form("int64", (3,)), "history": Form("int64", (4,)), "unused": Form("int64")}
    found = find_lookups(forms, lambda tensors: watched.call(lambda module: module(**tensors)))

    assert found == {
        "stack": Lookups((9, 1, None), of_lists=False),  # a table of one row has none for 1, and is seen all the same
        "history": Lookups((9, 9, 9, 9), of_lists=True),
        "unused": Lookups((None,), of_lists=False),
    }


def test_floats_are_looked_up_nowhere():
    watched = WatchedModule(nn.Linear(2, 1))

    assert find_lookups({"x": Form("float32", (2,))}, lambda given: watched.call(lambda one: one(given["x"]))) == {}
    assert torch.is_grad_enabled()
