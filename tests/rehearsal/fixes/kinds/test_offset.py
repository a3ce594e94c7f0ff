"""Indices off by one."""

from __future__ import annotations

import pytest
import torch


@pytest.mark.parametrize("shift", [1, -1])
def test_a_vocabulary_off_by_one(world, mended, shift):
    fix = mended(world, world.rows(world.ctr(world.served(item=world.items(shift=shift)))))

    assert fix.changes == (f"`offset: {shift}` of `item`",)
    assert fix.settings["model.inputs[1]"]["offset"] == shift
    assert fix.settings["model.inputs[1]"]["vocabulary"] == "items.json"


def test_ids_off_by_one_behind_a_forgotten_sigmoid(world, mended):
    served = world.served()
    fix = mended(world, world.rows(torch.sigmoid(world.ctr({**served, "user": served["user"] - 1}))))

    assert set(fix.changes) == {"`offset: -1` of `user`", "`transform: sigmoid`"}


def test_all_ids_off_by_one_are_one_change(world, mended):
    served = world.served(item=world.items(shift=1))
    fix = mended(world, world.rows(world.ctr({**served, "user": served["user"] + 1})))

    assert fix.changes == ("`offset: 1` of `item`, `offset: 1` of `user`",)
