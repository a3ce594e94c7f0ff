"""Each kind of cause planted, with online scores from plain torch, and found; unknown causes stay unexplained."""

from __future__ import annotations

import numpy as np
import pytest

from replay.config.sections.diff import Tolerance
from replay.diagnosis.causes.find import find_causes
from tests.diagnosis.worlds import (
    COUNTS,
    FAMILIES,
    FLOAT16_TOLERANCE,
    HOUR,
    as_float16,
    make_world,
    nudged,
    null_columns,
    score_columns,
    stale_columns,
    with_drift,
)


@pytest.fixture(scope="module")
def world():
    return make_world(5)


def _diagnose(world, changed, rows=None, *, tolerance=None, background_rate=0.0, most=400, budget=200_000):
    online = world.online_if(changed, world.bad if rows is None else rows)
    given = {} if tolerance is None else {"tolerance": tolerance}
    counterfactual = world.counterfactual(online, most=most, control=200, budget=budget, **given)
    return find_causes(counterfactual, background_rate=background_rate)


@pytest.mark.parametrize("family", ["counts", "item"])
def test_a_null_family(world, family):
    found = _diagnose(world, world.score(null_columns(world.columns, FAMILIES[family])))

    cause = found.causes[0]
    assert (cause.kind, cause.families, cause.features) == ("null_features", (family,), None)
    assert cause.explained_rate == 1.0
    assert cause.share == 1.0
    assert cause.explained_low > 0.98
    assert len(found.causes) == 1


def test_features_of_several_families_null_at_once(world):
    found = _diagnose(world, world.score(null_columns(world.columns, ("count_1", "item_2", "item_shop"))))

    assert found.causes[0].features == ("count_1", "item_2", "item_shop")
    assert found.causes[0].families is None


def test_two_families_null_at_once(world):
    changed = world.score(null_columns(world.columns, (*FAMILIES["user"], *FAMILIES["context"])))

    assert set(_diagnose(world, changed).causes[0].families) == {"user", "context"}


@pytest.mark.parametrize("hours", [1, 3])
def test_a_stale_family_and_its_lag(world, hours):
    changed = world.score(stale_columns(world.columns, COUNTS, world.entity, world.time_us, hours * HOUR))
    cause = _diagnose(world, changed).causes[0]

    assert (cause.kind, cause.families) == ("stale_features", ("counts",))
    low, high = cause.parameters["lag_low_seconds"], cause.parameters["lag_high_seconds"]
    assert low < hours * 3600 <= high
    assert low < cause.lag_seconds <= high


def test_another_checkpoint_on_all_rows(world):
    found = _diagnose(world, world.score(world.columns, "next"))

    assert (found.causes[0].kind, found.causes[0].checkpoint) == ("checkpoint", "next")
    assert "old" in {one.checkpoint for one in found.ruled_out if one.kind == "checkpoint"}
    assert {one.families for one in found.ruled_out if one.kind == "null_features"} >= {("counts",), ("item",)}


def test_another_checkpoint_on_a_share_of_the_rows_is_a_route(world):
    cause = _diagnose(world, world.score(world.columns, "next"), world.some(0.3)).causes[0]

    assert (cause.kind, cause.checkpoint) == ("route", "next")
    assert cause.parameters["route_share"] == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize("modules", [("item_tower",), ("query_tower", "query_ids")])
def test_parameters_of_two_checkpoints(world, modules):
    sources = {**{f"{module}.*": "old" for module in modules}, "*": "prod"}
    cause = _diagnose(world, score_columns(world.spliced(sources), world.columns)).causes[0]

    assert cause.kind == "splice"
    assert dict(cause.checkpoints) == sources


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int8"])
def test_a_cast_of_the_baseline(world, dtype):
    cause = _diagnose(world, score_columns(world.casted("prod", dtype), world.columns)).causes[0]

    assert (cause.kind, cause.parameters["dtype"]) == ("precision", dtype)


@pytest.mark.parametrize("factor", [1000.0, 0.01, -1.0, 2.54])
def test_a_scaled_feature(world, factor):
    cause = _diagnose(world, world.score(world.scaled("item_1", factor))).causes[0]

    assert (cause.kind, cause.features) == ("scale", ("item_1",))
    assert cause.parameters["factor"] == pytest.approx(factor, rel=1e-3)


@pytest.mark.parametrize("value", [1.0, 0.37, -2.2])
def test_a_constant_feature(world, value):
    cause = _diagnose(world, world.score(world.with_value("item_0", value))).causes[0]

    assert (cause.kind, cause.features) == ("constant", ("item_0",))
    assert cause.parameters["value"] == pytest.approx(value, rel=1e-3)


def test_a_constant_id_that_is_not_among_the_most_frequent(world):
    cause = _diagnose(world, world.score(world.with_value("user_city", 17))).causes[0]

    assert (cause.kind, cause.features, cause.parameters["value"]) == ("constant", ("user_city",), 17)


def test_exchanged_features(world):
    columns = {**world.columns, "item_0": world.columns["item_3"], "item_3": world.columns["item_0"]}
    cause = _diagnose(world, world.score(columns)).causes[0]

    assert (cause.kind, cause.features) == ("swap", ("item_0", "item_3"))


@pytest.mark.parametrize("is_logit", [False, True])
def test_an_affine_change_of_the_output(world, is_logit):
    logits = np.log(world.base) - np.log1p(-world.base)
    changed = 1 / (1 + np.exp(-(0.2 + 1.1 * logits))) if is_logit else 0.9 * world.base + 0.01
    cause = _diagnose(world, changed).causes[0]

    assert (cause.kind, cause.parameters.get("space")) == ("affine", "logit" if is_logit else None)
    expected = (0.2, 1.1) if is_logit else (0.01, 0.9)
    assert (cause.parameters["offset"], cause.parameters["slope"]) == pytest.approx(expected, abs=1e-3)


def test_two_causes_on_different_rows_come_out_with_their_shares(world):
    rows = world.rng.permutation(world.bad)
    online = world.online_if(world.score(null_columns(world.columns, COUNTS)), rows[:900])
    online[rows[900:1300]] = world.score(world.columns, "old")[rows[900:1300]]
    found = find_causes(world.counterfactual(online, most=800, control=200))

    assert [(one.kind, one.families, one.checkpoint) for one in found.causes] == [
        ("null_features", ("counts",), "prod"),
        ("route", None, "old"),
    ]
    assert [one.share for one in found.causes] == pytest.approx([9 / 13, 4 / 13], abs=0.05)


def test_rows_that_two_causes_hit_at_once_are_not_left_over(world):
    first, second = np.zeros((2, len(world.base)), bool)
    first[world.some(0.5)], second[world.some(0.5)] = True, True
    nulls = null_columns(world.columns, COUNTS)
    online = world.online_if(world.score(nulls), np.flatnonzero(first))
    online[second] = world.score(world.columns, "next")[second]
    online[first & second] = world.score(nulls, "next")[first & second]
    found = find_causes(world.counterfactual(online, most=800, control=200))

    assert {one.kind for one in found.causes} == {"null_features", "route"}


@pytest.mark.parametrize("feature", ["item_2", "item_topic", "count_0"])
def test_another_rows_values_are_no_cause_that_is_known(world, feature):
    shuffled = world.rng.permutation(world.columns[feature])
    found = _diagnose(world, world.score({**world.columns, feature: shuffled}))

    assert [one.kind for one in found.causes] == ["unexplained"]


def test_a_model_that_is_not_among_the_checkpoints(world):
    found = _diagnose(world, score_columns(nudged(world.models["prod"], 99), world.columns))

    assert [one.kind for one in found.causes] == ["unexplained"]
    assert found.causes[0].share == 1.0
    assert {one.checkpoint for one in found.ruled_out if one.kind == "checkpoint"} == {"next", "old"}


def test_online_scores_in_float16_and_features_that_drift(world):
    online = world.online_if(world.score(null_columns(world.columns, COUNTS)), world.some(0.3))
    online = as_float16(with_drift(world, online))
    counterfactual = world.counterfactual(online, FLOAT16_TOLERANCE, most=800)
    cause = find_causes(counterfactual, background_rate=0.08).causes

    assert [(one.kind, one.families) for one in cause] == [("null_features", ("counts",))]


def test_what_the_rows_cannot_tell_apart_is_named_together(world):
    """Only one feature of the family still mattered: the others were missing from the log already."""
    columns = null_columns(world.columns, COUNTS[1:])
    blind = type(world)(world.rng, columns, world.entity, world.time_us, world.models, world.bad, world.score(columns))
    cause = _diagnose(blind, blind.score(null_columns(columns, COUNTS))).causes[0]

    assert (cause.kind, cause.features, cause.families) == ("null_features", ("count_0",), None)
    assert "family counts null" in cause.equivalent


def test_the_budget_is_kept_and_said_to_be_spent(world):
    found = _diagnose(world, world.score(null_columns(world.columns, COUNTS)), budget=20_000)

    assert found.rows_scored <= 20_000
    assert found.causes[0].families == ("counts",)
    starved = _diagnose(world, world.score(null_columns(world.columns, COUNTS)), budget=100)
    assert starved.rows_scored <= 100
    assert starved.budget_spent
    assert [one.kind for one in starved.causes] == ["unexplained"]


def test_a_baseline_that_agrees_after_all_leaves_nothing_to_explain(world):
    online = world.online_if(world.score(world.columns, "next"), world.bad)
    counterfactual = world.counterfactual(online, most=50, control=0)
    counterfactual.bad = counterfactual.bad[:0]

    assert [one.kind for one in find_causes(counterfactual).causes] == ["unexplained"]


def test_a_background_rate_is_a_share(world):
    online = world.online_if(world.score(world.columns, "next"), world.bad)
    with pytest.raises(ValueError, match="between 0 and 1"):
        find_causes(world.counterfactual(online, most=50, control=0), background_rate=2.0)


def test_a_background_as_high_as_the_incident_does_not_stop_the_search(world):
    # Rows that moved far are found as an incident even where the background has as many that moved a little.
    online = world.online_if(world.score(null_columns(world.columns, FAMILIES["counts"])), world.bad)
    causes = find_causes(world.counterfactual(online), background_rate=1.0).causes
    assert [(cause.kind, cause.families) for cause in causes] == [("null_features", ("counts",))]


def test_progress_never_goes_back(world):
    seen = []
    online = world.online_if(world.score(null_columns(world.columns, COUNTS)), world.bad)
    counterfactual = world.counterfactual(online, most=200, control=50)
    found = find_causes(counterfactual, on_progress=lambda what, rows: seen.append(rows))

    assert seen == sorted(seen)
    assert seen[-1] <= found.rows_scored


def test_the_same_evidence_gives_the_same_answer(world):
    online = world.online_if(world.score(world.scaled("item_1", 0.3)), world.bad)
    evidence = world.counterfactual(online, most=200, control=50).evidence
    answers = []
    for _ in range(2):
        counterfactual = world.counterfactual(online, most=200, control=50, evidence=evidence)
        answers.append(find_causes(counterfactual))

    assert answers[0] == answers[1]


def test_a_tolerance_of_nothing_still_finds_an_exact_replay(world):
    found = _diagnose(world, world.score(null_columns(world.columns, COUNTS)), tolerance=Tolerance(abs=1e-7, rel=1e-6))

    assert found.causes[0].families == ("counts",)
