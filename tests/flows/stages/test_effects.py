from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from replay.config import Tolerance, build_config
from replay.diff.measure import measure
from replay.flows.stages import effects as module
from replay.flows.stages.effects import Effects, measure_effects, rank_families
from replay.metrics.value import undefined
from tests.diff.oracle import diffed, second_pass
from tests.diff.table import SPEC
from tests.flows.case import config_data

NAMES = ("candidate", "prod/nulls", "candidate/nulls")
FAMILIES = {name: f"family of {name}" for name in NAMES}


def test_with_a_label_the_largest_auc_drop_comes_first():
    state = diffed(SPEC)
    result = measure(state, second_pass(state))
    found = rank_families(result, FAMILIES)
    drops = {name: result.variants[name].vs_baseline["changes"]["auc_drop"].value for name in NAMES}
    assert [one.variant for one in found] == sorted(NAMES, key=lambda name: -drops[name])
    for one in found:
        assert (one.family, one.metric, one.value) == (FAMILIES[one.variant], "auc_drop", drops[one.variant])
        assert one.low < one.value < one.high


def test_without_a_label_the_mean_distance_decides():
    result = measure(diffed(replace(SPEC, label=None, weight=None)))
    found = rank_families(result, FAMILIES)
    sizes = [one.value for one in found]
    assert {one.metric for one in found} == {"mean_abs"}
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == len(NAMES)


def test_what_is_not_defined_comes_last():
    state = diffed(SPEC)
    result = measure(state)
    result.variants["candidate"].vs_baseline["changes"]["auc_drop"] = undefined(900, "one class")
    assert [one.variant for one in rank_families(result, FAMILIES)][-1] == "candidate"


@pytest.mark.parametrize("name", ["typo", "prod"])
def test_only_what_is_compared_with_the_baseline_is_ranked(name):
    with pytest.raises(ValueError, match="compared with the baseline"):
        rank_families(measure(diffed(SPEC)), {name: "counts"})


def test_where_no_effect_is_asked_for_the_table_is_not_read():
    prepared: Any = SimpleNamespace(config=build_config(config_data(), "/base"))
    table: Any = SimpleNamespace()  # has no dataframe
    diff: Any = None
    assert measure_effects(prepared, table, diff, Tolerance()) == Effects()


def test_a_skew_matrix_is_read_of_the_table_as_tasks_have_it(monkeypatch: pytest.MonkeyPatch):
    asked: list[Any] = []

    def matrix(*given: Any) -> str:
        asked.append(given)
        return "matrix"

    monkeypatch.setattr(module, "skew_matrix", matrix)
    prepared: Any = SimpleNamespace(config=SimpleNamespace(skew_matrix="modules", sensitivity=False))
    table: Any = SimpleNamespace(batches="scores")
    variants = {"prod": SimpleNamespace(metrics={"auc": 0.7})}
    diff: Any = SimpleNamespace(result=SimpleNamespace(variants=variants))
    assert measure_effects(prepared, table, diff, Tolerance(abs=0.5)) == Effects("matrix")
    assert asked == [("scores", "modules", Tolerance(abs=0.5), {"prod": {"auc": 0.7}})]
