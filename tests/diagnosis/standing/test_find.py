"""Causes that stand at all times; what online answered is computed by numpy alone."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest

from replay.config.sections.diff import Tolerance
from replay.diagnosis.causes.cause import UNEXPLAINED, Cause
from replay.diagnosis.incidents.rows import RowTable
from replay.diagnosis.standing.background import Background, find_background, sample_background
from replay.diagnosis.standing.find import find_standing, is_part_of, is_standing, is_worth_a_search
from tests.diagnosis.linear import counterfactual, linear, score, small_columns

NUM_ROWS = 12_000
COLUMNS = small_columns(NUM_ROWS)
REPLAYED = score(COLUMNS)
RNG = np.random.default_rng(5)
HOST = RNG.integers(0, 20, NUM_ROWS).astype(np.int32)
MOVED = RNG.random(NUM_ROWS) < 0.01  # the background: a feature that was logged a moment later
ONLINE = np.where(MOVED, score({**COLUMNS, "a": COLUMNS["a"] * RNG.uniform(0.8, 1.2, NUM_ROWS)}), REPLAYED)
TOLERANCE = Tolerance(abs=1e-9, rel=0.0)


class Searched(NamedTuple):
    found: list
    background: Background


def search(online: np.ndarray, incidents=()) -> Searched:
    hosts = tuple(f"h{host}" for host in range(20))
    rows = RowTable(np.arange(NUM_ROWS), online, REPLAYED, {"host": (HOST, hosts)})
    background = find_background(rows, incidents, TOLERANCE)
    sample = sample_background(rows, np.arange(NUM_ROWS), background, most_mismatched=500, most_control=200)
    replay = counterfactual(
        {name: column[sample.all] for name, column in COLUMNS.items()},
        online[sample.all],
        np.isin(sample.all, sample.mismatched),
        others={"old": linear(1.5, 1, 5)},
        mismatch_rate=background.rate,
    )
    return Searched(find_standing(replay, rows, background, sample), background)


def test_an_old_checkpoint_on_a_share_of_the_fleet():
    hit = RNG.random(NUM_ROWS) < 0.05
    ((one,), _) = search(np.where(hit, score(COLUMNS, (1.5, 1, 5)), ONLINE))

    assert (one.cause.kind, one.cause.checkpoint) == ("route", "old")
    assert one.low <= hit.mean() <= one.high
    assert one.rate == pytest.approx(hit.mean(), abs=0.004)
    assert one.where.segments == {}


def test_an_old_checkpoint_on_one_host_is_told_as_all_of_that_host():
    ((one,), _) = search(np.where(HOST == 7, score(COLUMNS, (1.5, 1, 5)), ONLINE))

    assert (one.cause.kind, one.cause.checkpoint) == ("checkpoint", "old")
    assert one.where.segments == {"host": ("h7",)}
    assert one.where.rate == pytest.approx(1.0, abs=0.05)


def test_a_feature_that_is_null_now_and_then():
    hit = RNG.random(NUM_ROWS) < 0.02
    ((one,), _) = search(np.where(hit, score({**COLUMNS, "b": 0 * COLUMNS["b"]}), ONLINE))

    assert (one.cause.kind, one.cause.features) == ("null_features", ("b",))
    assert one.low <= hit.mean() <= one.high


def test_two_at_once_are_both_told_with_the_larger_first():
    draw = RNG.random(NUM_ROWS)
    online = np.where(draw < 0.04, score(COLUMNS, (1.5, 1, 5)), ONLINE)
    online = np.where(draw > 0.98, score({**COLUMNS, "b": 0 * COLUMNS["b"]}), online)
    found = search(online).found

    assert [one.cause.hypothesis.kind for one in found] == ["checkpoint", "null_features"]
    assert [round(one.rate, 2) for one in found] == [0.04, 0.02]


@pytest.mark.parametrize(
    "online",
    [
        ONLINE,
        np.where(RNG.random(NUM_ROWS) < 0.05, ONLINE + RNG.normal(0, 0.02, NUM_ROWS), ONLINE),
        np.where(RNG.random(NUM_ROWS) < 0.05, score({**COLUMNS, "a": COLUMNS["a"] * 1.1}), ONLINE),
        np.where(RNG.random(NUM_ROWS) < 0.05, score(COLUMNS, (2, 1, 3)), ONLINE),
    ],
    ids=["moved", "noise", "a tenth more", "a checkpoint that is not listed"],
)
def test_a_background_of_another_kind_has_no_cause(online):
    assert search(online).found == []


def test_what_is_left_of_an_incident_does_not_stand():
    """An hour that no incident holds, such as one too many of them: its rows lie in one part of the time."""
    hit = (np.arange(NUM_ROWS) > 5_000) & (np.arange(NUM_ROWS) < 5_600)

    assert search(np.where(hit, score({**COLUMNS, "b": 0 * COLUMNS["b"]}), ONLINE)).found == []


def test_rows_all_over_the_background_stand_and_others_do_not():
    """The background is the second half of the rows: its ten parts are those of that half."""
    rows = np.arange(1_000) >= 500
    background = Background(rows, rows)

    assert is_standing(np.arange(500, 1_000, 5), 100, background)
    assert not is_standing(np.arange(500, 700), 200, background)  # four parts of ten
    assert not is_standing(np.append(np.arange(500, 550), np.arange(560, 1_000, 10)), 94, background)  # half in one
    assert not is_standing(np.arange(500, 1_000, 30), 17, background)  # too few
    assert not is_standing(np.arange(500, 1_000, 25), 500, background)  # of too many


def test_a_small_incident_and_what_agrees_by_chance_do_not_stand():
    """62 rows in 3 of 10 parts, and 25 all over: of 665 rows, 3% agree by chance."""
    rows = np.ones(10_000, bool)
    background, everywhere = Background(rows, rows), np.arange(200, 10_000, 400)
    small = np.union1d(np.linspace(700, 3_600, 62).astype(int), everywhere)

    assert is_standing(small, 665, background)
    assert not is_standing(small, 665, background, chance=0.03)
    assert is_standing(np.arange(0, 10_000, 115), 665, background, chance=0.03)  # as many, all over
    assert not is_standing(np.arange(0, 10_000, 115), 665, background, chance=0.05)  # 87 of 665 are not four times that


@pytest.mark.parametrize(("mismatched", "worth"), [(19, False), (20, True), (200, True)])
def test_few_mismatches_are_not_searched(mismatched, worth):
    rows = np.ones(10_000, bool)

    assert is_worth_a_search(Background(rows, np.arange(10_000) < mismatched)) is worth
    assert not is_worth_a_search(Background(np.ones(1_000_000, bool), np.arange(1_000_000) < mismatched))


def test_an_incident_is_part_of_what_stands_where_the_same_happened_to_the_same():
    (one,) = search(np.where(HOST == 7, score(COLUMNS, (1.5, 1, 5)), ONLINE)).found
    other = replace(one.cause, hypothesis=replace(one.cause.hypothesis, checkpoint="newer"))

    assert is_part_of([one.cause], [one])
    assert not is_part_of([other], [one])
    assert not is_part_of([Cause(UNEXPLAINED, 0.0, 10)], [one])
    assert not is_part_of([], [one])
