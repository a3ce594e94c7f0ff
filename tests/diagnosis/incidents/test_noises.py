"""Kinds of noise in which nothing happens, drawn by code that knows nothing of the search."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from replay.diagnosis.incidents.find import find_incidents
from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.noise.noise_floor import as_logged, measure_noise
from tests.bench.diagnosis.alarms import run_kind
from tests.bench.diagnosis.clean import KINDS, draw_clean


@pytest.mark.parametrize("kind", KINDS)
def test_noise_gives_no_alarm(kind):
    found = run_kind(kind, seed=7, runs=2, planted=0)

    assert (found.runs, found.alarms) == (2, 0)


@pytest.mark.parametrize(
    ("kind", "number", "why"),
    [
        ("refreshes", 4, "two of many refreshes are a little longer"),
        ("bursts", 45, "a burst stands out among the grave rows alone"),
        ("hosts", 10, "a stretch over a quarter of the time, of which there are four"),
        ("daily", 18, "fifteen requests in two thirds of the time, one in the rest"),
        ("users", 21, "few users, in all of the time but a part"),
        ("sessions", 27, "few sessions, in all of the time but a part"),
    ],
)
def test_what_the_background_is_known_from_too_little_to_tell_is_no_alarm(kind, number, why):
    assert not incidents(kind, 10, number), why


def test_most_rows_of_the_traffic_are_of_one_user_whose_features_are_off():
    assert not incidents("users", 11, 53)


def incidents(kind, seed, number):
    run = draw_clean(np.random.default_rng([seed, zlib.crc32(kind.encode()), number]), kind)
    visits, group = run.visits, run.visits.request if len(run.visits) % 2 else None
    segments = dict(visits.segments)
    table = RowTable(run.time_us, run.online, run.replayed, segments, group=group, entity=visits.user)
    noise = measure_noise(table)
    found = find_incidents(as_logged(table, noise), noise.tolerance)
    return [one for one in found if not one.background]
