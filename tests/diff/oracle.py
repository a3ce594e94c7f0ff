"""What a diff of the small scores table should say: the plain metric states over rows picked in numpy."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow.compute as pc

from replay.diff.comparison import ComparisonSums
from replay.diff.grid import DiffState
from replay.diff.influence import InfluencePlan, InfluenceState
from replay.diff.spec import ONLINE
from replay.metrics.kinds.auc import Auc
from replay.metrics.kinds.calibration import Calibration
from replay.metrics.kinds.log_mae import LogMae
from replay.metrics.kinds.logloss import LogLoss
from replay.metrics.kinds.ne import NormalizedEntropy
from tests.diff.table import SPEC, START_US, batches, filled, numbers, scores_table

TABLE = scores_table()
KEPT = TABLE.filter(pc.is_null(TABLE.column("rejected")))
METRICS = {"auc": Auc, "ne": NormalizedEntropy, "logloss": LogLoss, "calibration": Calibration, "log_mae": LogMae}
SPECS = {
    "full": SPEC,
    "no group": replace(SPEC, group=None),
    "no weight": replace(SPEC, weight=None, group=None),
    "no label": replace(SPEC, label=None, weight=None),
    "no time": replace(SPEC, time=None, group=None),
    "no segments": replace(SPEC, segments=()),
    "bare": replace(SPEC, label=None, weight=None, group=None, time=None, segments=()),
}


def diffed(spec, table=TABLE):
    state = DiffState(spec)
    for (batch,) in batches(table):
        state.update(batch)
    return state


def second_pass(state, table=TABLE):
    passed = InfluenceState(InfluencePlan.of(state))
    for (batch,) in batches(table):
        passed.update(batch)
    return passed


def scores_of(name, spec):
    return numbers(KEPT, spec.online) if name == ONLINE else filled(KEPT, spec, name)


def quality(metric, name, rows, spec):
    """A metric's state over some rows."""
    values, valid = scores_of(name, spec)
    label = KEPT.column("label").to_numpy()
    weight = None if spec.weight is None else KEPT.column("weight").to_numpy()[rows]
    cluster = None if spec.group is None else KEPT.column("request_id").to_numpy()[rows]
    return metric().update(np.where(valid, values, np.nan)[rows], label[rows], weight, cluster).compute()


def comparison(name, against, rows, spec):
    values, valid = filled(KEPT, spec, name)
    other, there = numbers(KEPT, spec.online) if against == "online" else filled(KEPT, spec, spec.baseline)
    return ComparisonSums(spec.tolerance).update(values[rows], other[rows], valid[rows], there[rows]).compute()


def slices_of(spec):
    """Name, bucket and row mask of every slice."""
    found = {("all", None): np.ones(KEPT.num_rows, dtype=bool)}
    for segment in spec.segments:
        column = KEPT.column(segment).to_pylist()
        for value in set(column):
            shown = "(null)" if value is None else value
            found[f"{segment}={shown}", None] = np.array([one == value for one in column])
    if spec.time is not None:
        column = KEPT.column(spec.time)
        minutes = np.array(
            [-1 if t is None else int((t.timestamp() * 1e6 - START_US) // 6e7) for t in column.to_pylist()]
        )
        for minute in set(minutes.tolist()) - {-1}:
            start = datetime.fromtimestamp(START_US / 1e6, UTC) + timedelta(minutes=minute)
            found["all", start] = minutes == minute
    return found


def plain(result):
    """A result as nested data that the tester can compare."""
    return {
        **{name: getattr(result, name) for name in ("rows", "first", "last", "no_time", "bucket", "notes")},
        "rejected": dict(result.rejected),
        "labels": dict(result.labels),
        "variants": {name: asdict(found) for name, found in {**result.variants, ONLINE: result.online}.items()},
        "metric_rows": [asdict(row) for row in result.metric_rows],
    }
