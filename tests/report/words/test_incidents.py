"""The story, word for word: every kind of cause, from numbers chosen by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from replay.diagnosis.causes.cause import CauseWindow
from replay.metrics.value import MetricValue
from replay.report.html.render import render_html
from replay.report.summary import Cause, Incident, IncidentRow, IncidentTime, Load, NoiseFloorSummary
from replay.report.terminal.render import render_terminal
from replay.report.verdict import judge
from replay.report.words import incidents as story
from replay.report.words.numbers import MINUS
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


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({}, ", as with dropout left on, or with values that were not logged as they were served."),
        ({"by_request": "no"}, ", as with dropout left on, or with values that were not logged as they were served."),
        (
            {"by_request": "yes"},
            ", but not within a request: scores depend on its other rows, or on values that were not logged.",
        ),
        (
            {"by_request": "yes", "batch_norm": "yes"},
            ", but not within a request: as if batch norm layers used the statistics of the batch.",
        ),
    ],
    ids=["no request", "any row", "requests", "batch norm"],
)
def test_what_cannot_be_reproduced_is_told_so(more: dict[str, str], why: str) -> None:
    parameters = {"equal_inputs": 40, "scattered": 38, "spread": 0.0421, **more}
    scattered = Cause("unexplained", 0.0, 50, share=1.0, parameters=parameters)
    end = (
        "What is unexplained is not reproducible: in 38 of 40 sets of rows with equal inputs, online's answers differ "
        f"by 0.042 (median){why}"
    )

    assert story.incident_sentence(replace(INCIDENT, causes=(scattered,))).endswith(f"explains it. {end}")
    assert story.incident_sentence(replace(INCIDENT, causes=(NULLS, scattered))).endswith(f"online answered. {end}")


def test_permanent_gradual_and_small_shifts() -> None:
    permanent = story.incident_sentence(replace(INCIDENT, permanent=True, gradual=True))
    assert permanent.startswith("Since 2026-11-20 18:44:01.275 UTC, to the end of the window, more and more, 50% of")
    shift = story.incident_sentence(replace(INCIDENT, kind="shift"))
    assert "were off by 0.02 on average: a shift smaller than the tolerance of a row, as if" in shift


def test_each_cause_has_its_own_time() -> None:
    ends = (START.replace(second=40), START.replace(minute=45, second=10))
    first = replace(NULLS, share=0.6, windows=(CauseWindow(START, ends[1], {"surface": "home"}, 60, 40, 40, 40),))
    late = CauseWindow(ends[0], END, {"country": "DE"}, 60, 40, 40, 40)
    old = Cause("checkpoint", 0.4, 50, checkpoint="old", share=0.3, windows=(late,))
    left = Cause("unexplained", None, 50, share=0.1)
    told = replace(INCIDENT, causes=(first, old, left))
    assert story.incident_sentence(told) == (
        "On 2026-11-20 from 18:44:01 to 18:46:58 UTC (2 min 57 s), 50% of the 100 rows of surface=home got another "
        "score than the replay gives: from 18:44:01 to 18:45:10 as if family counts had been null; from 18:44:40 to "
        "18:46:58 on country=DE as if checkpoint old had answered. Replayed that way, 45 of 50 (90%) of the mismatched "
        "rows give what online answered."
    )
    outer = replace(told, causes=(replace(first, windows=None), old))
    assert ": all the time as if family counts had been null; from 18:44:40 to" in story.incident_sentence(outer)


def test_ramps_are_told_with_their_times() -> None:
    start, end = INCIDENT.start, INCIDENT.end
    rising, fading = IncidentTime(start, start.replace(second=31)), IncidentTime(end.replace(minute=45, second=2), end)
    both = story.incident_sentence(replace(INCIDENT, gradual=True, rising=rising, fading=fading))
    assert "(2 min 57 s, setting in gradually until 18:44:31, fading from 18:45:02 to 18:46:58), 50% of" in both
    permanent = replace(
        INCIDENT,
        permanent=True,
        gradual=True,
        rising=rising,
        fading=replace(fading, end=datetime(2026, 11, 21, 1, tzinfo=UTC)),
    )
    words = "the window, more and more until 18:44:31, fading from 18:45:02 to 2026-11-21 01:00, 50% of"
    assert words in story.incident_sentence(permanent)


def test_a_mixture_is_told_as_one() -> None:
    old = Cause("checkpoint", 0.3, 50, checkpoint="old", share=0.12)
    left = Cause("unexplained", None, 0, share=0.04)
    mixed = story.incident_sentence(replace(INCIDENT, causes=(NULLS, old, left)))
    assert mixed.endswith("give what online answered. The other mismatched rows: checkpoint old answered (12%).")


def test_a_shift_that_no_row_shows_says_why_nothing_can_be_named() -> None:
    why = "no row is beyond the tolerance, so that no row can be put down to a cause: the shift is systematic"
    unknown = replace(INCIDENT, kind="shift", causes=(Cause("unexplained", None, 0, share=1.0, text=why),))
    assert story.incident_sentence(unknown).endswith(f"No cause can be named: {why}.")


def test_every_kind_makes_a_sentence_with_its_evidence() -> None:
    for kind in ("splice", "precision", "swap", "affine", "calibration", "joint", "something_new"):
        told = story.incident_sentence(replace(INCIDENT, causes=(Cause(kind, 0.5, 10, features=("I1", "I2")),)))
        assert ", as " in told
        assert told.endswith("5 of 10 (50%) of the mismatched rows give what online answered.")


def test_what_was_excluded_is_part_of_the_answer() -> None:
    assert story.ruled_out_sentence(INCIDENT.ruled_out) == (
        "Ruled out by replaying: not another checkpoint (best 2%), not another family stale (best 0%)."
    )
    assert story.ruled_out_sentence(()) == ""


def test_cost_and_noise() -> None:
    assert story.cost_sentence(INCIDENT) == (
        "During the incident, NE rose by 0.1 (0.05 to 0.15). family counts null accounts for 90% of the NE lost."
    )
    assert story.cost_sentence(replace(INCIDENT, loss={})) == ""
    better = {
        "ne_increase": MetricValue(0.01, -0.02, 0.04, 100),
        "auc_drop": MetricValue(-0.03, -0.05, -0.01, 100),
        "calibration_shift": MetricValue(-0.2, None, None, 100),
    }
    assert story.cost_sentence(replace(INCIDENT, loss=better)) == (
        f"During the incident, NE rose by 0.01 ({MINUS}0.02 to 0.04, which may be chance), AUC rose by 0.03 (0.01 to "
        "0.05), calibration fell by 0.2."
    )
    floor = NoiseFloorSummary(1e-7, 1e-3, 0.03, "online = 0.5 + 2 x replayed")
    assert story.noise_sentence(floor) == (
        "With no incident, scores differ by at most 1e-7 + 0.001 x the online score; 3% of the rows lie beyond that at "
        "all times. Online answers through another layer: online = 0.5 + 2 x replayed."
    )
    rounded = NoiseFloorSummary(5e-4, 1e-6, operations=("rounded to 3 decimals", "never below 0.3 (10% of the rows)"))
    assert story.noise_sentence(rounded).endswith(
        ". Online's scores are rounded to 3 decimals, never below 0.3 (10% of the rows)."
    )
    refused = NoiseFloorSummary(1e-7, 1e-6, 0.9, refused="the replay does not reproduce online at all")
    assert story.noise_sentence(refused) == (
        "No noise floor: the replay does not reproduce online at all. Rows within 1e-7 + 1e-6 x the online score count "
        "as agreeing."
    )


def test_the_report_and_the_terminal_tell_it() -> None:
    data = sample.burst_data()
    told = replace(
        data, summary=replace(data.summary, incidents=(INCIDENT,), noise_floor=NoiseFloorSummary(1e-7, 1e-6))
    )
    assert judge(told).headline == story.incident_sentence(INCIDENT)
    assert judge(told).runs == ((START, END),)
    text = " ".join(render_terminal(told, width=200, color=False, unicode=True).split())
    page = render_html(told)
    for expected in (
        "explains 96% (95% interval 87% to 99%)",
        "On these rows it is indistinguishable from: family counts = 0.0.",
        "replay row replay.yaml --key id=7",
        "replay run replay.yaml --set scenarios=...",
    ):
        assert expected in text
    for expected in ("family counts = 0.0", "replay row replay.yaml --key id=7", "12 hypotheses", "3,400 scored rows"):
        assert expected in page


@pytest.mark.parametrize(
    ("rank", "said"), [(1, "none of the 117 were busier."), (2, "1 of the 117 was busier."), (118, "117 of the 117")]
)
def test_the_load_is_told_with_its_rank(rank: int, said: str) -> None:
    told = story.load_sentence(Load("rows", 30.0, 20.0, rank, 117))
    assert told.startswith(f"30 rows a second, 1.5 times the 20 of other minutes: {said}")
    assert story.load_sentence(None) == ""


def test_a_search_that_found_nothing_says_so() -> None:
    data = sample.clean_data()
    quiet = replace(data, summary=replace(data.summary, noise_floor=NoiseFloorSummary(1e-7, 1e-6), diagnosed=True))
    assert "No incident was found." in judge(quiet).details
    assert "No incident was found." in render_html(quiet)
    stray = sample.bare_data()
    few = replace(stray, summary=replace(stray.summary, noise_floor=NoiseFloorSummary(1e-7, 1e-6), diagnosed=True))
    assert judge(few).headline.startswith("12 of 200,000 rows")
    assert judge(few).details == ("No incident was found.",)


def test_a_measured_noise_floor_alone_is_no_search() -> None:
    """`tolerance: auto` measures it in a run that looks for no incident."""
    data = sample.clean_data()
    measured = replace(data, summary=replace(data.summary, noise_floor=NoiseFloorSummary(1e-7, 1e-6)))
    assert "No incident was found." not in judge(measured).details
    assert "No incident was found." not in render_html(measured)
    assert "No incident was found." not in render_terminal(measured, width=80, color=False, unicode=True)


HOURLY = tuple(
    IncidentTime(START + timedelta(hours=hour), START + timedelta(hours=hour, seconds=40)) for hour in range(4)
)


def test_an_incident_that_comes_again_says_how_often() -> None:
    assert story.incident_sentence(replace(INCIDENT, times=HOURLY)).startswith(
        "4 times, about every 1 h, for 40 s, from 2026-11-20 18:44:01 to 21:44:01 UTC, 50% of the 100 rows of "
        "surface=home got another score than the replay gives, as if family counts had been null."
    )


def test_a_note_says_what_was_taken_for_background_and_why() -> None:
    unknown = replace(INCIDENT, times=HOURLY, causes=(Cause("unexplained", 0.0, 50, share=1.0),))
    assert story.background_note(unknown) == (
        "4 bursts of surface=home were taken for background, about every 1 h, for 40 s, from 2026-11-20 18:44:01 to "
        "21:44:01 UTC: 50 of 100 rows in them differ (50%); no hypothesis that was tried explains them"
    )
    partly = replace(INCIDENT, segments={}, times=HOURLY, causes=(replace(NULLS, share=0.3),))
    assert story.background_note(partly).startswith("4 bursts were taken for background, ")
    assert story.background_note(partly).endswith("; family counts null explains 30% of these")
