"""Two inputs in each other's place."""

from __future__ import annotations

import pytest

INPUTS = [
    {"name": "dense", "features": ["price", "age", "match"], "missing": 0.0},
    {"name": "rank", "dtype": "int64", "feature": "rank"},
    {"name": "user", "dtype": "int64", "feature": "user"},
]


@pytest.mark.parametrize("call", ["positional", "keyword"])
def test_two_inputs_of_one_shape_and_type(world, mended, call):
    def forward(tensors):
        number, shift = (world.users[tensors[name]] for name in ("rank", "user"))
        return tensors["dense"].sum(1) + shift[:, 0] - 0.3 * number[:, 1]

    served = world.served()
    exchanged = {"dense": served["dense"][:, 2:5], "rank": served["user"], "user": served["dense"][:, 5].long()}
    fix = mended(world, world.rows(forward(exchanged), {"inputs": INPUTS, "call": call}, forward))

    assert fix.changes == ("the inputs `rank` and `user` exchanged",)
    assert fix.settings == {
        "model.inputs[1]": {"name": "rank", "dtype": "int64", "feature": "user"},
        "model.inputs[2]": {"name": "user", "dtype": "int64", "feature": "rank"},
    }
