"""The story, word for word: every kind of cause, from numbers chosen by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from replay.metrics.value import MetricValue
from replay.report import story
from replay.report.html import render_html
from replay.report.summary import Cause, Incident, IncidentRow, NoiseFloor
from replay.report.terminal import render_terminal
from replay.report.verdict import judge
from tests.report import sample

START = datetime(2026, 11, 20, 18, 44, 1, 275000, tzinfo=UTC)
END = datetime(2026, 11, 20, 18, 46, 58, 516001, tzinfo=UTC)
NULLS = Cause(
    "null_features",
    0.96,
    50,
    families=("counts",),
    checkpoint="prod",
    explained_low=0.87,
    explained_high=0.99,
    control_rate=0.5,
    share=0.96,
    equivalent=("family counts = 0.0",),
    loss={"ne": 0.9},
    command="replay run replay.yaml --set scenarios=...",
)
INCIDENT = Incident(
    START,
    END,
    rows=100,
    mismatched=50,
    mismatch_rate=0.5,
    segments={"surface": "home"},
    causes=(NULLS,),
    ruled_out=(
        Cause("checkpoint", 0.02, 50, checkpoint="old"),
        Cause("checkpoint", 0.0, 50, checkpoint="older"),
        Cause("stale_features", 0.0, 50, families=("user",), lag_seconds=60.0),
    ),
    mean_delta=0.02,
    p_value=1e-9,
    loss={"ne_increase": MetricValue(0.1, 0.05, 0.15, 100), "auc_drop": MetricValue(None, None, None, 0, "one class")},
    examples=(IncidentRow({"id": 7}, START, 0.1, 0.2, "replay row replay.yaml --key id=7"),),
    hypotheses=12,
    rows_scored=3_400,
)


def test_the_first_sentence_says_what_when_to_whom_and_why() -> None:
    assert story.incident_sentence(INCIDENT) == (
        "On 2026-11-20 from 18:44:01 to 18:46:58 UTC (2 min 57 s), 50% of the 100 rows of surface=home got another "
        "score than the replay gives, as if family counts had been null. Replayed that way, 48 of 50 (96%) of the "
        "mismatched rows give what online answered."
    )


def test_what_nobody_can_explain_is_told_so() -> None:
    unknown = replace(INCIDENT, segments={}, causes=(Cause("unexplained", 0.0, 50, share=1.0),))
    assert story.incident_sentence(unknown).endswith(
        "50% of the 100 rows got another score than the replay gives. No hypothesis that was tried explains it."
    )


def test_permanent_gradual_and_small_shifts() -> None:
    permanent = story.incident_sentence(replace(INCIDENT, permanent=True, gradual=True))
    assert permanent.startswith("Since 2026-11-20 18:44:01.275 UTC, to the end of the window, more and more, 50% of")
    shift = story.incident_sentence(replace(INCIDENT, kind="shift"))
    assert "were off by 0.02 on average: a shift smaller than the tolerance of a row, as if" in shift


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (Cause("null_features", 1.0, 9, families=("a",), features=("I1",)), "family a, I1 null"),
        (Cause("stale_features", 1.0, 9, features=("I1",), lag_seconds=10_800.0), "I1 stale by 3 h"),
        (Cause("checkpoint", 1.0, 9, checkpoint="old"), "checkpoint old answered"),
        (Cause("route", 1.0, 9, checkpoint="old"), "checkpoint old answered a share of the rows"),
        (
            Cause("splice", 1.0, 9, checkpoints={"query.*": "new", "*": "prod"}),
            "parameters mixed: query.* of new, * of prod",
        ),
        (Cause("precision", 1.0, 9, checkpoint="prod", parameters={"dtype": "bfloat16"}), "prod cast to bfloat16"),
        (Cause("scale", 1.0, 9, features=("I1",), parameters={"factor": 1000.0}), "I1 multiplied by 1,000"),
        (Cause("scale", 1.0, 9, features=("I1",), parameters={"function": "log1p"}), "I1 put through log1p"),
        (Cause("constant", 1.0, 9, features=("I1",), parameters={"value": 0.5}), "I1 fixed at 0.5"),
        (Cause("swap", 1.0, 9, features=("I1", "I2")), "I1, I2 exchanged"),
        (
            Cause("affine", 1.0, 9, parameters={"offset": 0.5, "slope": 2.0, "space": "logit"}),
            "another output layer: logit = 0.5 + 2 x the model's",
        ),
        (Cause("unexplained", 0.0, 9), "unexplained"),
        (Cause("something_new", 0.0, 9), "something new"),
    ],
)
def test_every_kind_has_its_words(cause: Cause, words: str) -> None:
    assert story.cause_words(cause) == words
    assert "got another score" in story.incident_sentence(replace(INCIDENT, causes=(cause,)))


def test_what_was_excluded_is_part_of_the_answer() -> None:
    assert story.ruled_out_sentence(INCIDENT.ruled_out) == (
        "Ruled out by replaying: not another checkpoint (best 2%), not a stale value (best 0%)."
    )
    assert story.ruled_out_sentence(()) == ""


def test_cost_and_noise() -> None:
    assert story.cost_sentence(INCIDENT) == (
        "What it cost, inside: NE rose by 0.1 (0.05 to 0.15). family counts null accounts for 90% of the NE lost."
    )
    assert story.cost_sentence(replace(INCIDENT, loss={})) == ""
    floor = NoiseFloor(1e-7, 1e-3, 0.03, "online = 0.5 + 2 x replayed")
    assert story.noise_sentence(floor) == (
        "With no incident, scores differ by at most 1e-7 + 0.001 x the online score; 3% of the rows lie beyond that at "
        "all times. Online answers through another layer: online = 0.5 + 2 x replayed."
    )


def test_the_report_and_the_terminal_tell_it() -> None:
    data = sample.burst_data()
    told = replace(data, summary=replace(data.summary, incidents=(INCIDENT,), noise_floor=NoiseFloor(1e-7, 1e-6)))
    assert judge(told).headline == story.incident_sentence(INCIDENT)
    assert judge(told).runs == ((START, END),)
    text = " ".join(render_terminal(told, width=200, color=False, unicode=True).split())
    page = render_html(told)
    for expected in (
        "explains 96% (95% interval 87% to 99%)",
        "These rows cannot tell it from: family counts = 0.0.",
        "replay row replay.yaml --key id=7",
        "replay run replay.yaml --set scenarios=...",
    ):
        assert expected in text
    for expected in ("family counts = 0.0", "replay row replay.yaml --key id=7", "12 hypotheses", "3,400 scored rows"):
        assert expected in page


def test_a_search_that_found_nothing_says_so() -> None:
    data = sample.clean_data()
    quiet = replace(data, summary=replace(data.summary, noise_floor=NoiseFloor(1e-7, 1e-6)))
    assert "No incident was found." in judge(quiet).details
    assert "No incident was found." in render_html(quiet)
