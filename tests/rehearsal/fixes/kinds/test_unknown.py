"""Another index for unknown values."""

from __future__ import annotations


def test_the_index_after_the_last(world, mended):
    fix = mended(world, world.rows(world.ctr(world.served(item=world.items(unknown=8)))))

    assert fix.settings["model.inputs[1]"]["unknown"] == 8
    assert fix.rows == fix.agree == world.columns["item"].to_pylist().count("kiwi")
    assert fix.agree_before == 0
