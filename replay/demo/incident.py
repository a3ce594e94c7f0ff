"""The demo's incident: for three minutes at peak, most requests of one surface were scored without counters."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from replay.demo.model import COUNT_FEATURES, TwoTower
from replay.demo.traffic import PEAK
from replay.demo.training import score

INCIDENT_START = PEAK - timedelta(minutes=1)
INCIDENT_END = INCIDENT_START + timedelta(minutes=3)
INCIDENT_SURFACE = "home"
_SHARE = 0.7


@dataclass(frozen=True)
class PlantedIncident:
    """The truth of the incident. Only tests may read it; the engine has to find it.

    Attributes:
        start: First moment, UTC.
        end: First moment after it.
        surface: Where it happened.
        features: What online scored without.
        request_ids: The requests that it touched.
        rows: Rows of those requests.
    """

    start: datetime
    end: datetime
    surface: str
    features: tuple[str, ...]
    request_ids: frozenset[str]
    rows: int


def serve(model: TwoTower, traffic: pa.Table, seed: int) -> tuple[np.ndarray, PlantedIncident]:
    """Score traffic as the online service did that evening.

    The feature servers timed out for some requests, and the model saw nulls; the log was written by a second,
    asynchronous look-up that got the values.

    Returns:
        Online scores, (num_rows,), float32, and what was wrong with them.
    """
    times = traffic["event_time"]
    during = pc.and_(pc.greater_equal(times, pa.scalar(INCIDENT_START)), pc.less(times, pa.scalar(INCIDENT_END)))
    exposed = pc.and_(during, pc.equal(traffic["surface"], INCIDENT_SURFACE))
    requests = np.array(pc.unique(traffic["request_id"].filter(exposed)).to_pylist(), dtype=object)
    timed_out = requests[np.random.default_rng([seed, 2]).random(len(requests)) < _SHARE]
    touched = np.flatnonzero(pc.is_in(traffic["request_id"], pa.array(timed_out, pa.string())).to_numpy())

    scores = score(model, traffic)
    if len(touched):
        scores[touched] = score(model, without_counts(traffic.take(touched)))
    incident = PlantedIncident(
        INCIDENT_START, INCIDENT_END, INCIDENT_SURFACE, COUNT_FEATURES, frozenset(timed_out), len(touched)
    )
    return scores, incident


def without_counts(table: pa.Table) -> pa.Table:
    """The same rows with every counter null."""
    for name in COUNT_FEATURES:
        field = table.schema.field(name)
        table = table.set_column(table.schema.get_field_index(name), field, pa.nulls(len(table), field.type))
    return table
