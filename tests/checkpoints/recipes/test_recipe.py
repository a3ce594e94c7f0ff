"""Recipes as values: what they are told as, and what their hashes cover."""

from __future__ import annotations

import pickle
from dataclasses import replace

from replay.checkpoints.checkpoint import Checkpoint
from replay.checkpoints.recipes.recipe import Alteration, Splice
from replay.config.sections.checkpoints import CheckpointConfig


def source(name: str, sha256: str = "a", weights: str | None = None) -> Checkpoint:
    config = CheckpointConfig(path="/file", weights=weights)
    return Checkpoint(name, "/file", "state_dict", sha256, (), config, "", 0, {}, ())


def test_recipes_in_words() -> None:
    prod, candidate, old = source("prod"), source("candidate"), source("old")
    cast = Alteration((prod,), "cast", "bfloat16", 0, ("a", "b"))
    assert str(cast) == "`prod`, a, b rounded to bfloat16"
    assert str(replace(cast, tensors=("a", "b", "c", "d"))) == "`prod`, 4 tensors (a, b, c, ...) rounded to bfloat16"
    assert str(Alteration((prod,), "zero", 0.5, 1, ("a",))) == "`prod`, a with a share of 0.5 set to 0"
    splice = Splice((prod, candidate, old), (("a", 1), ("b", 2), ("c", 1)))
    assert str(splice) == "`prod` with a, c of `candidate` and b of `old`"
    assert str(Splice((prod,), ())) == "`prod` alone"
    nested = replace(prod, name="low", recipe=cast)
    assert str(Splice((prod, nested), (("a", 1),))) == "`prod` with a of `low` (`prod`, a, b rounded to bfloat16)"


def test_hashes_cover_what_decides_the_weights() -> None:
    one = Alteration((source("prod"),), "zero", 0.5, 1, ("a", "b"))
    others = [
        replace(one, amount=0.25),
        replace(one, salt=2),
        replace(one, tensors=("a",)),
        replace(one, change="noise"),
        replace(one, sources=(source("prod", "b"),)),
        replace(one, sources=(source("prod", weights="ema"),)),
        Splice((source("prod"),), ()),
        Splice((source("prod"), source("c", "c")), (("a", 1),)),
        Splice((source("prod"), source("c", "c")), (("b", 1),)),
        Splice((source("c", "c"), source("prod")), (("a", 1),)),
    ]
    assert len({each.sha256 for each in [one, *others]}) == len(others) + 1
    assert replace(one, sources=(source("renamed"),)).sha256 == one.sha256
    assert pickle.loads(pickle.dumps(one)).sha256 == one.sha256
