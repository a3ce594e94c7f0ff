from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from replay.demo.incident import INCIDENT_END, INCIDENT_START, serve, without_counts
from replay.demo.traffic import PEAK
from replay.demo.training import score, train


@pytest.fixture(scope="module")
def model(traffic):
    return train(traffic.slice(0, 8_000), seed=0)


def test_online_differs_in_the_incident_and_nowhere_else(model, traffic):
    online, incident = serve(model, traffic, seed=3)
    touched = pc.is_in(traffic["request_id"], value_set=_strings(incident.request_ids)).to_numpy()
    clean = score(model, traffic)

    assert touched.sum() == incident.rows > 50
    np.testing.assert_array_equal(online[~touched], clean[~touched])
    assert (np.abs(online - clean)[touched] > 1e-6).mean() > 0.95
    nulled = score(model, without_counts(traffic))
    np.testing.assert_allclose(online[touched], nulled[touched], rtol=1e-5)


def test_it_is_three_minutes_at_peak_on_one_surface(model, traffic):
    _, incident = serve(model, traffic, seed=3)
    rows = traffic.filter(pc.is_in(traffic["request_id"], value_set=_strings(incident.request_ids)))

    assert (INCIDENT_END - INCIDENT_START).total_seconds() == 180
    assert INCIDENT_START <= PEAK < INCIDENT_END
    assert set(rows["surface"].to_pylist()) == {"home"}
    assert pc.min(rows["event_time"]).as_py() >= incident.start
    assert pc.max(rows["event_time"]).as_py() < incident.end


def test_about_seven_in_ten_requests_are_touched(model, traffic):
    _, incident = serve(model, traffic, seed=3)
    exposed = traffic.filter(
        (pc.field("event_time") >= incident.start)
        & (pc.field("event_time") < incident.end)
        & (pc.field("surface") == "home")
    )
    share = len(incident.request_ids) / len(exposed["request_id"].unique())

    assert 0.4 < share < 0.95  # a few dozen requests in this small table


def test_without_counts_nulls_the_counters_alone(traffic):
    few = traffic.slice(0, 10)
    nulled = without_counts(few)

    assert nulled.schema == few.schema
    for name in few.column_names:
        if name.endswith(("_1d", "_7d")):
            assert nulled[name].null_count == 10
        else:
            assert nulled[name] == few[name]


def _strings(values):
    return pa.array(sorted(values), pa.string())
