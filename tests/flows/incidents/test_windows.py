"""Overlapping causes from planted traffic to the windows that are told, without Spark."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from replay.config import DiagnosisConfig
from replay.diagnosis.causes.find import find_causes
from replay.diagnosis.causes.kind import KINDS, describe
from replay.diagnosis.causes.sampling import sample_rows
from replay.diagnosis.incidents.find import find_incidents
from replay.diagnosis.noise.noise_floor import measure_noise
from replay.flows.incidents.summary import Case
from replay.flows.incidents.windows import place_causes
from tests.diagnosis.overlaps import MINUTE, START_US, TOLERANCE, Fault, Overlap, plant
from tests.diagnosis.worlds import CONTEXT, COUNTS, USER, USER_IDS

FEW = {name: KINDS[name] for name in ("null_features", "checkpoint")}
SETTINGS = DiagnosisConfig(sample_rows=500, control_rows=100)
HOME, DE = {"surface": "home"}, {"country": "DE"}


def told(
    found: Overlap, settings: DiagnosisConfig = SETTINGS
) -> list[dict[str, list[tuple[float, float, dict[str, str]]]]]:
    """Of each incident the windows of its causes, in minutes, by what the cause is."""
    noise = measure_noise(found.table)
    incidents = find_incidents(found.table, TOLERANCE)
    cases = []
    for number, incident in enumerate(incidents, start=1):
        sample = sample_rows(
            found.table,
            found.identity,
            incident,
            incidents,
            TOLERANCE,
            most_mismatched=settings.sample_rows,
            most_control=settings.control_rows,
        )
        replay = found.counterfactual(sample.all, np.isin(sample.all, sample.mismatched))
        diagnosis = find_causes(replay, background_rate=noise.mismatch_rate / incident.mismatch_rate, kinds=FEW)
        case = Case(number, (), found.table, found.identity, {}, incident, sample)
        cases.append(replace(case, diagnosis=diagnosis, counterfactual=replay))

    def fetch(drawn):
        return lambda place: found.counterfactual(drawn[place].all, np.ones(len(drawn[place].all), bool))

    placed = place_causes(cases, settings, 0, [TOLERANCE] * len(cases), noise.mismatch_rate, fetch)
    assert [replace(case, windows={}) for case in placed] == cases
    return [
        {
            describe(cause): [
                ((one.start_us - START_US) / MINUTE, (one.end_us - START_US) / MINUTE, dict(one.segments))
                for one in case.windows.get(cause, ())
            ]
            for cause in (one.hypothesis for one in case.diagnosis.causes)
            if cause is not None
        }
        for case in placed
    ]


def edges(found: Overlap, fault: int) -> tuple[float, float]:
    """Minutes of the first and the last row that it hit and that disagrees."""
    table = found.table
    rows = np.flatnonzero(found.hit[fault] & (np.abs(table.online - table.replayed) > 1e-5))
    return float(found.minute[rows[0]]), float(found.minute[rows[-1]])


def exactly(found: Overlap, fault: int, segments: dict[str, str] | None = None):
    """The window of a fault, to two hundredths of a minute: two rows."""
    first, last = edges(found, fault)
    return [(pytest.approx(first, abs=0.02), pytest.approx(last, abs=0.02), segments or {})]


COUNTS_NULL, CONTEXT_NULL = "family counts null", "family context null"


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_two_that_overlap(share):
    found = plant([Fault(40, 60, COUNTS, share=share), Fault(50, 70, CONTEXT, share=share)], moved=0.01)

    assert told(found) == [{COUNTS_NULL: exactly(found, 0), CONTEXT_NULL: exactly(found, 1)}]


def test_one_after_the_other():
    found = plant([Fault(40, 52, COUNTS), Fault(52, 70, CONTEXT)], moved=0.01)

    assert told(found) == [{COUNTS_NULL: exactly(found, 0), CONTEXT_NULL: exactly(found, 1)}]


def test_one_inside_the_other():
    """The outer one is all of the incident, of which nothing more is said."""
    found = plant([Fault(40, 70, COUNTS), Fault(50, 60, CONTEXT)], moved=0.01)

    assert told(found) == [{COUNTS_NULL: [], "family counts, family context null": exactly(found, 1)}]


def test_two_slices():
    found = plant([Fault(40, 60, COUNTS, segments=HOME), Fault(50, 70, CONTEXT, segments=DE)], moved=0.01)

    assert told(found) == [{COUNTS_NULL: exactly(found, 0, HOME), CONTEXT_NULL: exactly(found, 1, DE)}]


def test_features_null_under_another_checkpoint():
    found = plant([Fault(40, 70, model="old"), Fault(50, 60, COUNTS)], moved=0.01)

    assert told(found) == [{"checkpoint old": [], "checkpoint old and family counts null": exactly(found, 1)}]


def test_three_causes():
    faults = [
        Fault(40, 60, COUNTS, share=0.6),
        Fault(50, 80, CONTEXT, share=0.6),
        Fault(70, 90, model="old", share=0.6),
    ]
    found = plant(faults, moved=0.01)

    assert told(found) == [
        {COUNTS_NULL: exactly(found, 0), CONTEXT_NULL: exactly(found, 1), "checkpoint old": exactly(found, 2)}
    ]


def test_what_nobody_can_explain_has_no_window_and_the_other_has():
    """Beside the counts, the user is another one's on half of the rows: no hypothesis says that."""
    found = plant([Fault(40, 60, COUNTS, share=0.5)], moved=0.01)
    inside = np.flatnonzero((found.minute >= 50) & (found.minute < 70) & ~found.hit[0])
    columns = dict(found.world.columns)
    for name in (*USER, *USER_IDS):
        column = columns[name].copy()
        column[inside] = np.random.default_rng(0).permutation(column[inside])
        columns[name] = column
    online = found.table.online.copy()
    online[inside] = found.world.score(columns)[inside]
    mixed = replace(found, table=replace(found.table, online=online))

    assert told(mixed)[0] == {COUNTS_NULL: exactly(mixed, 0)}


def test_one_cause_has_the_time_of_its_incident():
    found = plant([Fault(40, 60, COUNTS, share=0.7)], moved=0.01)

    assert told(found) == [{COUNTS_NULL: []}]


def test_two_causes_of_the_same_time_have_no_windows():
    found = plant([Fault(40, 70, COUNTS, share=0.5), Fault(40, 70, CONTEXT, share=0.5)], moved=0.01)

    assert told(found) == [{COUNTS_NULL: [], CONTEXT_NULL: []}]


def test_too_few_rows_say_nothing():
    found = plant([Fault(40, 40.15, COUNTS), Fault(40.15, 40.3, CONTEXT)], num_rows=12_000)

    assert [set().union(*incident.values()) for incident in told(found)] in ([], [set()])
