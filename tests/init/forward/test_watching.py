from __future__ import annotations

import sys

import torch
from torch import nn

from replay.init.forward.watching import ROWS, WatchedModule


class Watched(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.out = nn.Embedding(7, 3), nn.Linear(4, 1)

    def forward(self, ids, dense):
        return self.out(torch.cat([self.table(ids), dense], dim=1))


def test_lookups_and_the_answer():
    trace = WatchedModule(Watched()).call(lambda module: module(torch.ones(ROWS).long(), torch.zeros(ROWS, 1)))

    assert trace.worked
    assert [(rows, indices.tolist()) for rows, indices in trace.lookups] == [(7, [1] * ROWS)]
    assert trace.misfit is None


def test_the_first_layer_of_another_width():
    trace = WatchedModule(Watched()).call(lambda module: module(torch.ones(ROWS).long(), torch.zeros(ROWS, 5)))

    assert not trace.worked
    assert trace.misfit == (8, 4)
    assert isinstance(trace.error, RuntimeError)


def test_a_module_that_ends_the_process_does_not():
    trace = WatchedModule(Watched()).call(lambda _: sys.exit(3))

    assert isinstance(trace.error, SystemExit)


def test_an_answer_needs_a_row_for_each_row():
    watched = WatchedModule(Watched())

    assert not watched.call(lambda _: torch.zeros(())).worked
    assert not watched.call(lambda _: torch.zeros(ROWS + 1)).worked
    assert watched.call(lambda _: {"a": (torch.zeros(ROWS, 2),)}).worked


def test_no_hook_is_left_and_it_is_in_evaluation_mode():
    module = Watched().train()
    WatchedModule(module).call(lambda _: None)

    assert not module.training
    assert all(not layer._forward_pre_hooks for layer in module.modules())
