"""Which parameters come from which checkpoint."""

from __future__ import annotations

import pytest

from replay.config.sections.checkpoints import SpliceConfig
from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.kind import KINDS, describe
from replay.diagnosis.causes.kinds.splice import module_prefixes, splice
from tests.diagnosis.linear import settings
from tests.diagnosis.worlds import FAMILIES, diagnose, make_world, null_columns, score_columns


def counterfactual(seed=0):
    world = make_world(seed, num_rows=3_000, incident=600)
    online = world.online_if(world.score(null_columns(world.columns, FAMILIES["counts"])), world.bad)
    return world.counterfactual(online)


class TestSpliced:
    def test_module_within_another_of_the_same_checkpoint_is_said_once(self):
        found = splice(counterfactual(), {"query_tower": "next", "query_tower.0": "next", "item_tower": "next"})
        assert found.get("splice") == (("query_tower.*", "next"), ("item_tower.*", "next"), ("*", "prod"))
        SpliceConfig(splice=dict(found.get("splice")))  # refuses a pattern that an earlier one hides

    def test_exception_within_another_module_comes_first(self):
        found = splice(counterfactual(), {"query_tower": "next", "query_tower.0": "old"})
        assert found.get("splice") == (("query_tower.0.*", "old"), ("query_tower.*", "next"), ("*", "prod"))
        SpliceConfig(splice=dict(found.get("splice")))

    def test_names_that_only_begin_alike_are_apart(self):
        found = splice(counterfactual(), {"item": "next", "item_ids": "next"})
        assert found.get("splice") == (("item.*", "next"), ("item_ids.*", "next"), ("*", "prod"))


def test_module_prefixes_go_past_a_common_root():
    names = ["module.query.0.weight", "module.query.0.bias", "module.query.1.weight", "module.item.weight"]

    assert module_prefixes(names) == ("module.query", "module.item", "module.query.0", "module.query.1")
    assert module_prefixes(["weight"]) == ()


@pytest.mark.parametrize("modules", [("item_tower",), ("query_tower", "query_ids")])
def test_parameters_of_two_checkpoints(world, modules):
    sources = {**{f"{module}.*": "old" for module in modules}, "*": "prod"}
    cause = diagnose(world, score_columns(world.spliced(sources), world.columns)).causes[0]

    assert cause.kind == "splice"
    assert dict(cause.checkpoints) == sources


def test_what_it_is_called_and_set():
    found = splice(counterfactual(), {"item_tower": "next"})

    assert describe(found) == "item_tower.* of next, * of prod"
    assert KINDS["splice"].fields(found) == {"checkpoints": {"item_tower.*": "next", "*": "prod"}}
    assert settings(found) == {
        "variant": "verify",
        "checkpoint": "verify",
        "checkpoints": {"verify": {"splice": {"item_tower.*": "next", "*": "prod"}}},
    }
    assert KINDS["splice"].words(Cause("splice", 1.0, 40)).short == "parameters mixed: {modules}"
