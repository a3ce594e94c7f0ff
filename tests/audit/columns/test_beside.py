"""Ages and statuses by column, by hand."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from replay.audit.columns.beside import BesideCounts, BesideValues
from replay.audit.columns.partitions import make_partitions


def _counts(*, events=(0, 60_000_000, None), times=(0, 0, 0), statuses=("present", "timeout", None)) -> BesideCounts:
    state = BesideCounts()
    beside = BesideValues(
        None if events is None else pa.array(events, pa.int64()),
        {"f__timestamp": pa.array(times, pa.int64())},
        {"f__status": pa.array(statuses, pa.string())},
    )
    state.update(beside, make_partitions([np.zeros(len(statuses), dtype=np.int64)]))
    return state


def test_ages_and_statuses_are_told_of_the_features_that_they_are_beside():
    found = dict(_counts().statistics("f__timestamp", "f__status"))

    assert {name: value for name, value in found.items() if name.startswith("status")} == {
        "status=null": 1 / 3,
        "status=present": 1 / 3,
        "status=timeout": 1 / 3,
    }
    assert (found["age_p25"], round(found["age_p99"])) == (0.0, 60)
    assert list(_counts().statistics(None, None)) == []


def test_without_a_time_there_are_no_ages():
    state = _counts(events=None)

    assert state.ages == {}
    assert dict(state.statistics("f__timestamp", None)) == {}


def test_parts_are_added_up():
    one, other = _counts(), _counts(statuses=("present", "present", "late"))

    one.merge(other, np.array([0]))

    assert one.statuses["f__status"] == {"present": 3, "timeout": 1, "null": 1, "late": 1}
    assert one.ages["f__timestamp"].by_hour(0).sum() == 4


def test_a_column_of_very_many_texts_is_no_status():
    many = tuple(f"s{number}" for number in range(101))
    state = _counts(events=None, statuses=many)
    for order in ((state, _counts(events=None)), (_counts(events=None), state)):
        order[0].merge(order[1], np.array([0]))
        assert order[0].statuses["f__status"] == {}
