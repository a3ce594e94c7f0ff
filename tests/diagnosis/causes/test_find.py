"""Causes that were planted, with online scores from plain torch, are found; unknown causes stay unexplained."""

from __future__ import annotations

import pytest

from replay.config.sections.diff import Tolerance
from replay.diagnosis.causes.find import find_causes
from tests.diagnosis.worlds import (
    COUNTS,
    FAMILIES,
    FLOAT16_TOLERANCE,
    as_float16,
    diagnose,
    nudged,
    null_columns,
    score_columns,
    with_drift,
)


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


def test_a_model_that_is_not_among_the_checkpoints(world):
    found = diagnose(world, score_columns(nudged(world.models["prod"], 99), world.columns))

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
    cause = diagnose(blind, blind.score(null_columns(columns, COUNTS))).causes[0]

    assert (cause.kind, cause.features, cause.families) == ("null_features", ("count_0",), None)
    assert "family counts null" in cause.equivalent


def test_the_budget_is_kept_and_said_to_be_spent(world):
    found = diagnose(world, world.score(null_columns(world.columns, COUNTS)), budget=20_000)

    assert found.rows_scored <= 20_000
    assert found.causes[0].families == ("counts",)
    starved = diagnose(world, world.score(null_columns(world.columns, COUNTS)), budget=100)
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
    found = diagnose(world, world.score(null_columns(world.columns, COUNTS)), tolerance=Tolerance(abs=1e-7, rel=1e-6))

    assert found.causes[0].families == ("counts",)
