"""Another checkpoint on all rows, or on a share of them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.kind import KINDS, describe
from replay.diagnosis.causes.significance import measure
from tests.diagnosis.linear import counterfactual, linear, score, settings, small_columns
from tests.diagnosis.worlds import diagnose

COLUMNS = small_columns()
NEXT = score(COLUMNS, (1, 3, 4))
ROWS = np.arange(len(NEXT))
OTHERS = {"next": linear(1, 3, 4), "old": linear(2, 2, 4)}
KIND = KINDS["checkpoint"]


def completed(*, rate: float | None, share: float, control: float | None) -> Cause:
    replay = counterfactual(COLUMNS, NEXT, others=OTHERS, mismatch_rate=rate)
    proposal = next(iter(KIND.propose(replay, ROWS)))
    (verdict,) = measure(replay, [proposal], ROWS)
    cause = Cause("checkpoint", 1.0, 40, checkpoint="next", share=share, control_rate=control, text="It answered")
    return KIND.complete(replay, cause, verdict)


def test_every_checkpoint_but_the_baseline_is_proposed():
    replay = counterfactual(COLUMNS, NEXT, others=OTHERS)
    proposals = list(KIND.propose(replay, ROWS))

    assert [describe(one) for one in proposals] == ["checkpoint next", "checkpoint old"]
    assert [one.count for one in measure(replay, proposals, ROWS)] == [40, 0]
    assert settings(proposals[0]) == {"variant": "next", "checkpoint": "next"}


def test_a_share_of_the_rows_is_a_route():
    """A fifth disagrees; of the four fifths that agree a quarter can tell: 0.2 against 0.8 x 0.25."""
    route = completed(rate=0.2, share=1.0, control=0.25)

    assert (route.kind, route.checkpoint) == ("route", "next")
    assert route.parameters == {"route_share": pytest.approx(0.5)}
    assert route.text == "It answered. It answered about 50% of the incident's rows, the baseline the others"


@pytest.mark.parametrize(
    ("rate", "control"),
    [
        (0.95, 1.0),  # nearly all rows
        (0.2, 0.0),  # no good row can tell
        (0.2, None),  # there was no good row
        (None, 1.0),
    ],
)
def test_all_rows_that_can_tell_are_no_route(rate, control):
    assert completed(rate=rate, share=1.0, control=control).kind == "checkpoint"


@pytest.mark.parametrize(
    ("differ", "kind", "share"),
    [
        (0, "checkpoint", None),  # the rows that agree are those on which the two checkpoints do
        (1, "checkpoint", None),  # a twentieth: 0.85 against 0.15 x 0.05
        (16, "route", 0.85 / (0.85 + 0.15 * 0.8)),  # the baseline answered some
    ],
)
def test_who_answered_is_told_by_good_rows_of_its_own_time(differ, kind, share):
    """Three quarters of the good rows before it would have disagreed, which says nothing of those that it hit."""
    time_us = np.concatenate([np.arange(100, 200), np.arange(150, 170), np.arange(80)])
    other = np.concatenate([np.ones(100), np.arange(20) < differ, np.arange(80) < 60])
    replay = SimpleNamespace(
        evidence=SimpleNamespace(time_us=time_us, mismatch_rate=0.85, inside=None, segments={}),
        routed=None,
        bad=np.arange(100),
        good=np.arange(100, 200),
        predict=lambda hypotheses, rows: other[None, rows],
        agree=lambda scores, rows: scores == 0.0,
    )
    cause = Cause("checkpoint", 1.0, 100, checkpoint="next", share=1.0, control_rate=0.6, text="It answered")
    told = KIND.complete(replay, cause, SimpleNamespace(hypothesis=None, rows=replay.bad, explained=other[:100] > 0))

    assert told.kind == kind
    assert (told.parameters or {}).get("route_share") == (None if share is None else pytest.approx(share))


@pytest.mark.parametrize(
    ("surface", "baseline_answered", "segment"),
    [
        (["home"] * 23, ["feed"] * 7, "surface=home"),
        (["home"] * 46 + ["feed"], ["feed"] * 20, "surface=home"),
        (["home"] * 20 + ["feed"] * 3, ["feed"] * 7, None),  # 13% of them lie elsewhere
        (["home"] * 23, ["feed"] * 20 + ["home"] * 3, None),  # of home's rows the baseline answered 12%
        (["home", "feed"] * 11, ["feed", "home"] * 4, None),
        (["home"] * 3, ["feed"], None),  # a chance of one in four
        ([None] * 23, ["feed"] * 7, None),
    ],
)
def test_a_share_that_is_one_segment_is_no_route(surface, baseline_answered, segment):
    """Outside of the incident the baseline answered all."""
    theirs, ours = len(surface), len(baseline_answered)
    columns = pa.array([*surface, *baseline_answered, *["home", "feed"] * 20])
    replay = SimpleNamespace(
        evidence=SimpleNamespace(
            mismatch_rate=theirs / (theirs + ours),
            inside=np.arange(len(columns)) < theirs + ours,
            segments={"country": pa.array(["DE"] * len(columns)), "surface": columns},
        ),
        routed=None,
        bad=np.arange(theirs),
        good=np.arange(theirs, len(columns)),
        predict=lambda hypotheses, rows: np.ones((1, len(rows))),
        agree=lambda scores, rows: scores == 0.0,
    )
    cause = Cause("checkpoint", 1.0, theirs, checkpoint="next", share=1.0, control_rate=1.0, text="It answered")
    told = KIND.complete(replay, cause, SimpleNamespace(hypothesis=None, rows=replay.bad, explained=replay.bad >= 0))

    if segment is None:
        assert (told.kind, told.parameters["route_share"]) == ("route", pytest.approx(theirs / (theirs + ours)))
    else:
        assert (told.kind, told.parameters) == ("checkpoint", None)
        assert told.text == f"It answered. Of the incident's rows it answered those of {segment}"


def test_words():
    assert KIND.words(Cause("checkpoint", 1.0, 40)).short == "checkpoint {checkpoint} answered"
    route = KINDS["route"]
    assert (
        route.words(Cause("route", 1.0, 40)).as_if == "as if checkpoint {checkpoint} had answered a share of the rows"
    )
    known = Cause("route", 1.0, 40, parameters={"route_share": 0.5})
    assert "answered about {route_share:%} of the rows" in route.words(known).as_if


def test_another_checkpoint_on_all_rows(world):
    found = diagnose(world, world.score(world.columns, "next"))

    assert (found.causes[0].kind, found.causes[0].checkpoint) == ("checkpoint", "next")
    assert "old" in {one.checkpoint for one in found.ruled_out if one.kind == "checkpoint"}
    assert {one.families for one in found.ruled_out if one.kind == "null_features"} >= {("counts",), ("item",)}


def test_another_checkpoint_on_a_share_of_the_rows_is_a_route(world):
    cause = diagnose(world, world.score(world.columns, "next"), world.some(0.3)).causes[0]

    assert (cause.kind, cause.checkpoint) == ("route", "next")
    assert cause.parameters["route_share"] == pytest.approx(0.3, abs=0.03)
