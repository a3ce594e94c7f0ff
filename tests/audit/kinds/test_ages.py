"""Values of other times, planted by a plain loop over each entity's log."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from replay.audit.kinds.ages import LoggedValues, older_or_newer
from replay.audit.kinds.differing_rows import DifferingRows

HOUR = 3_600_000_000


def _log(entities: int = 60, per_entity: int = 30, seed: int = 0, *, levels: int = 10_000):
    rng = np.random.default_rng(seed)
    entity = np.repeat(np.arange(entities), per_entity)
    time = np.concatenate([np.sort(rng.integers(0, 240 * HOUR, per_entity)) for _ in range(entities)])
    return entity, time, rng.integers(0, levels, len(entity))


def _as_of(entity, time, values, row, moment):
    """The newest value of a row's entity at a moment, by a loop."""
    found = None
    for place in np.flatnonzero(entity == entity[row]):
        if time[place] <= moment:
            found = values[place]
    return found


def _find(entity, time, values, there):
    differs = [row for row, other in enumerate(there) if other is not None and other != values[row]]
    rows = DifferingRows(pa.array(values[differs]), pa.array([there[row] for row in differs]))
    logged = LoggedValues(
        pa.array(entity), time, pa.array(values), pa.array(entity[differs]), np.ascontiguousarray(time[differs])
    )
    return older_or_newer(rows, logged)


@pytest.mark.parametrize("hours", [3, 24])
@pytest.mark.parametrize(("kind", "sign"), [("older", -1), ("newer", 1)])
def test_one_lag_is_found(kind, sign, hours):
    entity, time, values = _log()
    there = [_as_of(entity, time, values, row, time[row] + sign * hours * HOUR) for row in range(len(entity))]

    name, match = _find(entity, time, values, there)

    assert name == kind
    assert match.rows.mean() > 0.95
    assert match.details["lag_seconds"] == pytest.approx(hours * 3600, rel=0.05)


def test_older_values_of_no_one_lag_are_older_all_the_same():
    entity, time, values = _log()
    rng = np.random.default_rng(1)
    there = []
    for row in range(len(entity)):
        before = np.flatnonzero((entity == entity[row]) & (time < time[row]))
        there.append(values[rng.choice(before)] if before.size else None)

    name, match = _find(entity, time, values, there)

    assert (name, match.details) == ("older", {})
    assert match.rows.all()


def test_values_of_strangers_are_neither():
    entity, time, values = _log()

    assert _find(entity, time, values, np.random.default_rng(2).permutation(values).tolist()) is None


def test_of_two_values_any_time_agrees_so_that_nothing_is_said():
    entity, time, values = _log(levels=2)

    assert _find(entity, time, values, (1 - values).tolist()) is None


def test_no_log_and_no_rows():
    none, nothing = pa.array([], pa.int64()), np.zeros(0, dtype=np.int64)
    one = pa.array([1])

    assert older_or_newer(DifferingRows(one, one), LoggedValues(none, nothing, none, one, np.array([5]))) is None
    rows = DifferingRows(none, none)
    assert older_or_newer(rows, LoggedValues(one, np.array([5]), one, none, nothing)) is None
