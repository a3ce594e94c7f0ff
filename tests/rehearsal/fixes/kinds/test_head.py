"""Another head of the answer."""

from __future__ import annotations

import torch


def test_another_head(world, mended):
    both = world.model(world.served())
    fix = mended(world, world.rows(both[:, 1], {"output": {"select": 0}}, world.model))

    assert fix.settings == {"model.output": {"select": 1}}
    assert fix.words == "with `select: 1` 1,500 of 1,500 rows agree (0 before)"


def test_another_key_behind_a_sigmoid(world, mended):
    def answer(tensors):
        both = world.model(tensors)
        return {"ctr": both[:, 0], "aux": {"cvr": both[:, 1:]}}

    online = torch.sigmoid(world.model(world.served())[:, 1])
    fix = mended(world, world.rows(online, {"output": {"select": "ctr", "transform": "sigmoid"}}, answer))

    assert fix.settings == {"model.output": {"select": ["aux", "cvr"], "transform": "sigmoid"}}


def test_the_softmax_of_two_logits(world, mended):
    online = torch.softmax(world.model(world.served()), dim=1)[:, 1]
    fix = mended(world, world.rows(online, {"output": {"select": 1}}, world.model))

    assert fix.settings == {"model.output": {"select": 1, "transform": "softmax"}}
    assert fix.words.startswith("with `transform: softmax` 1,500 of 1,500 rows agree")
