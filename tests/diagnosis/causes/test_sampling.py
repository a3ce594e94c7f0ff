"""Which rows stand for an incident: bad ones within it, good ones within and outside of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from replay.config.sections.diff import Tolerance
from replay.diagnosis.causes.sampling import SampledRows, sample_rows
from replay.diagnosis.incidents.find import FoundIncident
from replay.diagnosis.incidents.rows import RowTable

HOME = np.array([0, 1] * 10, np.int32)  # every second row is of `home`
REPLAYED = np.full(20, 0.5)
ONLINE = REPLAYED.copy()
ONLINE[[2, 4, 6, 7, 15]] = 0.9
ROWS = RowTable(np.arange(20), ONLINE, REPLAYED, {"surface": (HOME, ("home", "feed"))})
IDENTITY = np.random.default_rng(0).integers(-(2**62), 2**62, 20)
TOLERANCE = Tolerance(abs=0.01, rel=0.0)


def incident(start: int, end: int, **segments: str) -> FoundIncident:
    return FoundIncident(start, end, segments, 0, 0, 0.0, 0.0, 0.0, "mismatch", False, False, False, np.arange(0))


FOUND = incident(2, 10, surface="home")


def sample(rows=ROWS, found=FOUND, others=(), *, bad=100, good=100, seed=0):
    return sample_rows(
        rows, IDENTITY, found, (found, *others), TOLERANCE, most_mismatched=bad, most_control=good, seed=seed
    )


def test_bad_rows_are_those_of_the_incidents_time_and_slice():
    assert sample().mismatched.tolist() == [2, 4, 6]


def test_good_rows_come_from_within_and_then_from_outside_of_every_incident():
    """Row 8 is good and inside. What is in another incident is neither; row 7 and 15 are bad."""
    found = sample(others=(incident(16, 20),))

    assert found.control.tolist() == [8, 0, 1, 3, 5, 9, 10, 11, 12, 13, 14]
    assert found.all.tolist() == [2, 4, 6, *found.control.tolist()]


def test_rows_within_are_told_from_those_outside():
    found = SampledRows(np.array([4, 9]), np.array([3, 5, 0]), 2)
    assert found.all[found.inside].tolist() == [4, 9, 3, 5]
    assert SampledRows(np.array([4]), np.array([3])).inside.tolist() == [True, False]


def test_scores_that_are_not_finite_are_left_out():
    online = ONLINE.copy()
    online[[4, 8, 0]] = np.nan
    found = sample(replace(ROWS, online=online, compared=np.ones(20, bool)))

    assert found.mismatched.tolist() == [2, 6]
    assert not {0, 4, 8} & set(found.control.tolist())


def test_a_bounded_draw_is_in_the_order_of_the_table_and_the_same_in_every_run():
    found = sample(found=incident(0, 20), bad=3, good=6)

    assert len(found.mismatched) == 3
    assert set(found.mismatched) < {2, 4, 6, 7, 15}
    assert found.mismatched.tolist() == sorted(found.mismatched)
    # All good rows are within: half of the control is all that is to be had.
    assert len(found.control) == 3
    assert sample(found=incident(0, 20), bad=3, good=6).all.tolist() == found.all.tolist()


@pytest.mark.parametrize("most", [1, 2, 4])
def test_a_smaller_draw_is_part_of_a_larger_one(most):
    assert set(sample(found=incident(0, 20), bad=most).mismatched) <= set(
        sample(found=incident(0, 20), bad=most + 1).mismatched
    )


def test_another_seed_draws_other_rows():
    drawn = {tuple(sample(found=incident(0, 20), bad=2, seed=seed).mismatched.tolist()) for seed in range(20)}

    assert len(drawn) > 3
