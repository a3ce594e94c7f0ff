"""The registry of kinds: their order is the prior, and each says what it is."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from replay.diagnosis.causes.kind import KINDS, Kind, describe, register
from tests.diagnosis.worlds import make_world


def test_kinds_are_in_the_order_of_their_prior():
    assert list(KINDS) == [
        "contract",
        "null_features",
        "checkpoint",
        "route",
        "precision",
        "splice",
        "stale_features",
        "list_features",
        "scale",
        "constant",
        "cast_features",
        "swap",
        "map",
        "affine",
        "joint",
    ]


def test_a_name_is_given_once():
    assert len(KINDS)
    with pytest.raises(ValueError, match="second kind of cause named `swap`"):
        register("swap", prior=1)(Kind)


def test_every_proposal_has_a_line_of_its_own():
    world = make_world(1, num_rows=2_000, incident=300)
    counterfactual = world.counterfactual(world.online_if(world.base + 0.1, world.bad))
    for name, kind in KINDS.items():
        proposals = list(kind.propose(counterfactual, counterfactual.bad[:40]))
        lines = [describe(one) for one in proposals]

        assert {one.kind for one in proposals} <= {name}
        assert len(set(lines)) == len(set(proposals)) == len(proposals)
        assert all("{" not in line for line in lines)


def test_a_kind_that_says_nothing_does_nothing():
    kind, none = Kind(), np.arange(0)

    assert (
        list(kind.propose(None, none)) == list(kind.refine(None, [], none, none)) == list(kind.combine(None, [])) == []
    )
    assert kind.settle(None, "best", none, None) == "best"
    assert not kind.refutes(None, None)


def test_words_of_causes_need_no_torch():
    """A report is rendered where the engine is not."""
    code = (
        "import sys; from replay.diagnosis.causes.kind import KINDS; list(KINDS);"
        "sys.stdout.write(str({'torch', 'pyspark'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("set()", "")
