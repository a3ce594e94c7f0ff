"""What a report says of one incident: its cause, what it cost, and rows to look at."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from replay.config import build_config
from replay.diagnosis.causes.cause import Cause, CauseWindow
from replay.diagnosis.causes.find import find_causes
from replay.diagnosis.causes.hypothesis import Hypothesis
from replay.diagnosis.causes.sampling import SampledRows
from replay.diagnosis.incidents.find import FoundIncident
from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.windows.find import FoundWindow
from replay.flows.incidents.rows import CollectedRows
from replay.flows.incidents.summary import Case, incident_loads, summarize_incident
from replay.report.summary import Load
from tests.diagnosis.linear import counterfactual, linear, score, small_columns

NUM_ROWS = 200
COLUMNS = small_columns(NUM_ROWS)
REPLAYED = score(COLUMNS)
BAD = np.arange(100, 180)
SAMPLED = BAD[::2]  # half of the bad rows: each stands for two
CONTROL = np.arange(0, 40)
ONLINE = np.where(np.isin(np.arange(NUM_ROWS), BAD), score({**COLUMNS, "c": 0 * COLUMNS["c"]}), REPLAYED)
LABEL = np.random.default_rng(1).binomial(1, np.where(np.median(REPLAYED) < REPLAYED, 0.9, 0.1)).astype(float)
CONFIG = build_config(
    {
        "version": 1,
        "traffic": {"path": "data", "key": ["id"], "time": "at", "score": "score"},
        "model": {"inputs": [{"name": "x", "dtype": "float64", "features": ["a", "b", "c"], "missing": 0.0}]},
        "checkpoints": {"prod": {"path": "m.pt2"}},
        "output": "out",
    }
)


def found_incident(kind: str = "mismatch") -> FoundIncident:
    start, end = 90_000_000, 190_000_000
    return FoundIncident(start, end, {}, 100, len(BAD), 0.8, 0.1, 1e-9, kind, False, False, True, BAD)


def make_case(**given) -> Case:
    """Rows a second apart; those from the 90th on are in the incident, and 80 of them had no c."""
    rows = RowTable(1_000_000 * np.arange(NUM_ROWS), ONLINE, REPLAYED, label=LABEL)
    keys = {1000 + place: {"id": place} for place in range(NUM_ROWS)}
    sample = SampledRows(SAMPLED, CONTROL)
    case = Case(2, ("--allow-pickle",), rows, 1000 + np.arange(NUM_ROWS), keys, found_incident(), sample)
    return replace(case, **given)


@pytest.fixture(scope="module")
def diagnosed() -> Case:
    case = make_case()
    rows = case.sample.all
    replay = counterfactual(
        {name: column[rows] for name, column in COLUMNS.items()}, ONLINE[rows], np.isin(rows, SAMPLED)
    )
    return replace(case, diagnosis=find_causes(replay), counterfactual=replay)


def test_the_finding_is_said_as_it_is(diagnosed):
    told = summarize_incident(CONFIG, diagnosed)

    assert told.start == datetime(1970, 1, 1, 0, 1, 30, tzinfo=UTC)
    assert told.end == datetime(1970, 1, 1, 0, 3, 10, tzinfo=UTC)
    assert (told.rows, told.mismatched, told.mismatch_rate, told.mean_delta) == (100, 80, 0.8, 0.1)
    assert (told.kind, told.p_value, told.permanent, told.gradual) == ("mismatch", 1e-9, False, True)
    assert told.hypotheses == len(diagnosed.diagnosis.tried)
    assert told.rows_scored == diagnosed.diagnosis.rows_scored


@pytest.mark.parametrize(("group", "share", "unit"), [(2, 1.0, "requests"), (None, 1.0, "rows"), (2, 0.5, "rows")])
def test_the_load_is_of_all_traffic_and_of_all_its_rows(group, share, unit):
    """Four rows a second for 20 minutes, two to a request, and twice as many in the second minute."""
    seconds = np.sort(np.concatenate([np.repeat(np.arange(1200), 4), np.repeat(np.arange(60, 120), 4)]))
    scores = np.zeros(len(seconds))
    groups = None if group is None else np.arange(len(seconds)) // group
    rows = RowTable(seconds * 1_000_000, scores, scores, group=groups)
    found = replace(found_incident(), start_us=60_000_000, end_us=120_000_000, times=())

    (load,) = incident_loads(CollectedRows(rows, np.arange(len(seconds)), share), [found])

    per_second = 4 / (2 if unit == "requests" else 1) / share
    assert load == Load(unit, 2 * per_second, per_second, 1, 18)  # the last minute has no end
    assert summarize_incident(CONFIG, make_case(load=load)).load == load


def test_a_cause_comes_with_its_command(diagnosed):
    (cause,) = summarize_incident(CONFIG, diagnosed).causes

    assert (cause.kind, cause.features) == ("null_features", ("c",))
    assert cause.command == f"replay verify {CONFIG.output} --incident 2 --allow-pickle"
    assert cause.variant == "prod/incident_2_cause_1"


def test_the_loss_is_that_of_all_rows_of_the_incident(diagnosed):
    """Its 20 good rows count once, the 40 sampled of 80 bad ones twice: as scikit-learn weights them."""
    good = np.setdiff1d(np.arange(90, 190), BAD)
    rows = np.concatenate([good, SAMPLED])
    weight = np.concatenate([np.ones(len(good)), np.full(len(SAMPLED), 2.0)])
    right, served = (roc_auc_score(LABEL[rows], one[rows], sample_weight=weight) for one in (REPLAYED, ONLINE))
    told = summarize_incident(CONFIG, diagnosed)

    assert told.loss["auc_drop"].value == pytest.approx(right - served)
    assert told.causes[0].loss["auc"] == pytest.approx(1.0)  # one cause explains all of it


def test_the_rows_furthest_apart_are_shown(diagnosed):
    away = np.abs(REPLAYED - ONLINE)
    furthest = SAMPLED[np.argsort(-away[SAMPLED])]
    told = summarize_incident(CONFIG, diagnosed).examples

    assert [row.key["id"] for row in told] == furthest[:5].tolist()
    assert told[0].online == ONLINE[furthest[0]]
    assert told[0].time.timestamp() == furthest[0]
    assert told[0].command == f"replay row {CONFIG.output} --key id={furthest[0]} --allow-pickle"
    keys = {1000 + int(place): {"id": int(place)} for place in furthest[1:]}
    without = summarize_incident(CONFIG, replace(diagnosed, keys=keys)).examples
    assert [row.key["id"] for row in without] == furthest[1:6].tolist()


def test_without_labels_there_is_no_loss(diagnosed):
    told = summarize_incident(CONFIG, replace(diagnosed, rows=replace(diagnosed.rows, label=None)))

    assert told.loss == {}
    assert told.causes[0].loss is None


def test_a_shift_without_a_row_beyond_the_tolerance_has_no_cause():
    case = make_case(incident=found_incident("shift"), sample=SampledRows(SAMPLED[:0], CONTROL))
    told = summarize_incident(CONFIG, case)

    assert told.kind == "shift"
    assert [(one.kind, one.share, one.command) for one in told.causes] == [("unexplained", 1.0, None)]
    assert "the shift is systematic" in told.causes[0].text
    assert (told.loss, told.examples, told.hypotheses) == ({}, (), 0)


def windowed(diagnosed, *causes, joints=(), **windows):
    """The summary's causes, where some of them have windows of their own, by their checkpoint."""
    found = {one.hypothesis: windows[one.checkpoint] for one in causes if one.checkpoint in windows}
    diagnosis = replace(diagnosed.diagnosis, causes=causes, joints=joints)
    rows = replace(diagnosed.rows, label=None)
    return summarize_incident(CONFIG, replace(diagnosed, rows=rows, diagnosis=diagnosis, windows=found)).causes


OLD = Cause(
    "route",
    0.25,
    80,
    checkpoint="old",
    control_rate=1.0,
    share=0.25,
    parameters={"route_share": 0.2, "chance_rate": 0.01},
    hypothesis=Hypothesis("checkpoint", "old"),
)


def test_a_checkpoint_that_answered_all_of_its_own_time_is_no_route(diagnosed):
    window = FoundWindow(90_000_000, 110_000_000, {}, 20, 20, 10, 10)
    (told,) = windowed(diagnosed, OLD, old=(window,))

    assert (told.kind, told.parameters) == ("checkpoint", {"chance_rate": 0.01})
    assert told.windows == (
        CauseWindow(
            datetime(1970, 1, 1, 0, 1, 30, tzinfo=UTC), datetime(1970, 1, 1, 0, 1, 50, tzinfo=UTC), {}, 20, 20, 10, 10
        ),
    )


def test_one_that_answered_a_share_of_it_is_a_route_of_that_share(diagnosed):
    """Of 40 rows 20 disagree, and all of these are its own."""
    (told,) = windowed(diagnosed, OLD, old=(FoundWindow(90_000_000, 110_000_000, {}, 40, 20, 10, 10),))

    assert told.kind == "route"
    assert told.parameters["route_share"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("surface", "kind", "share"),
    [("home", "checkpoint", None), ("feed", "route", 20 / (20 + 20 * 45 / 91)), ("search", "route", 0.5)],
)
def test_the_good_rows_of_its_own_slice_say_whether_it_answered_all(diagnosed, surface, kind, share):
    """Of 40 rows of a slice 20 disagree. Of the good ones none of home's could tell, 45 of 91 of feed's."""
    surfaces = np.repeat(["home", "feed", "search"], [90, 91, 19])
    columns = dict(COLUMNS, c=np.where((surfaces == "home") | (np.arange(NUM_ROWS) % 2 == 0), 0.0, COLUMNS["c"]))
    # The checkpoint knows no c: it differs from the baseline where there is one.
    online = score(columns) + (np.arange(NUM_ROWS) == 0)
    replay = counterfactual(columns, online, np.arange(NUM_ROWS) == 0, others={"old": linear(1, 2, 0)})
    replay.evidence = replace(replay.evidence, time_us=diagnosed.rows.time_us, segments={"surface": pa.array(surfaces)})
    window = FoundWindow(0, 10**12, {"surface": surface}, 40, 20, 10, 10)
    case = replace(diagnosed, counterfactual=replay)
    (told,) = windowed(case, OLD, old=(window,))

    assert told.kind == kind
    assert told.parameters.get("route_share") == (None if share is None else pytest.approx(share))


def test_causes_that_overlap_name_the_variant_that_replays_both(diagnosed):
    (null,) = diagnosed.diagnosis.causes
    joint = Hypothesis(
        "joint", "old", parts=(OLD.hypothesis, null.hypothesis), perturbations=null.hypothesis.perturbations
    )
    window = FoundWindow(90_000_000, 110_000_000, {}, 20, 20, 10, 10)
    first, second = windowed(diagnosed, OLD, null, joints=(joint,), old=(window,))

    assert (first.together, first.joints) == (("old/incident_2_causes_1_2",), (joint,))
    # The other one has the incident's time, and meets it all the same.
    assert (second.windows, second.together) == (None, first.together)
    assert windowed(diagnosed, OLD, null, joints=(joint,))[0].together is None
