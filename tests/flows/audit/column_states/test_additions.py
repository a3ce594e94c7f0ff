"""What the summary gains."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from replay.config import TrafficConfig
from replay.flows.audit.column_states.additions import with_states
from replay.flows.audit.column_states.schedules import Replayed
from tests.flows.audit.column_states.counted import DAYS, FEATURES, counted
from tests.report.audits.found import AUDIT, HARMLESS

SCHEMA = pa.schema([("at", pa.timestamp("us", tz="UTC")), ("user", pa.int64()), ("surface", pa.string())])


def _told(**options):
    traffic = TrafficConfig(path="t", key=["id"], score="s", time={"column": "at"}, entity="user")
    daily = replace(HARMLESS, feature="daily", mismatch_rate=None, divergence=None)
    audit = replace(AUDIT, joined=False, core=("live",), features=(daily, replace(HARMLESS, feature="gone")))
    return with_states(audit, counted(**options), Replayed(traffic, SCHEMA, frozenset(FEATURES), ()))


def test_a_feature_that_moves_away_by_the_day():
    feature, gone = _told(shift=0.5).features

    assert (feature.feature, gone) == ("daily", replace(HARMLESS, feature="gone"))
    assert [each.coverage for each in feature.buckets] == [1.0] * DAYS
    distances = [each.divergence for each in feature.buckets]
    assert distances == sorted(distances)
    assert distances[-1] > 10 * max(distances[0], 0.001)
    assert feature.stability_index > feature.divergence > 0
    assert [(each.start - feature.buckets[0].start).days for each in feature.buckets] == list(range(DAYS))


def test_ages_are_told_of_what_differs_matters_or_has_a_schedule():
    told = _told()

    assert [(each.side, each.features) for each in told.ages] == [("here", ("daily",)), ("here", ("live",))]
    assert int(np.argmin(told.ages[0].hours)) == 3
    assert told.ages[1].hours == pytest.approx([0.01] * 24, abs=0.01)
    assert [each.features for each in told.schedules] == [("daily",)]
