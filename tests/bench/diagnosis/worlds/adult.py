"""Real persons (UCI Adult): numbers with heavy tails, words with missing values, a label; in an order of a few hours.

The table has no time. Its rows come as requests of a few persons, with a peak and a dip; persons of one job (class of
work, occupation, education) are an entity, whose earlier rows are counted and whose latest hours of work are a list.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tests.bench.diagnosis.world import MINUTE_US, Layout, Mask, Traffic, draw_hosts
from tests.bench.diagnosis.worlds.generated import START_US, arrivals
from tests.bench.diagnosis.worlds.open_bandit import seen_before

FILE = "adult/adult.parquet"
LATEST = 6
_HOUR_US = 60 * MINUTE_US
_NUMBERS = ("age", "educational_num", "hours_per_week", "capital_gain", "capital_loss")
_WORDS = (
    *("workclass", "occupation", "marital_status", "relationship"),
    *("education", "native_country", "race", "gender"),
)

LAYOUT = Layout(
    query=("age", "educational_num", "hours_per_week", "hour"),
    query_ids=("workclass", "occupation", "marital_status", "relationship"),
    vector="latest_hours",
    vector_length=LATEST,
    item=("capital_gain", "capital_loss", "weight", "job_seen_1h", "job_seen"),
    item_ids=("education", "native_country", "race", "gender"),
    id_rows=128,
    hashed=True,
    families={
        "person": ("age", "marital_status", "relationship", "race", "gender", "native_country"),
        "work": ("workclass", "occupation", "hours_per_week", "education", "educational_num"),
        "money": ("capital_gain", "capital_loss", "weight"),
        "counts": ("job_seen_1h", "job_seen"),
        "context": ("hour",),
        "history": ("latest_hours",),
    },
    missing={"age": 38.0, "hours_per_week": 40.0},
    quantities=("age", "educational_num", "hours_per_week", "weight", "job_seen_1h", "job_seen"),
    aging=(("job_seen_1h",), ("job_seen",), ("job_seen_1h", "job_seen")),
    segments=("race", "gender", "host"),
)


@cache
def _read(path: Path) -> tuple[pa.Table, NDArray[np.int64]]:
    """The table, and each row's job: once a process."""
    table = pq.read_table(path)
    parts = [pc.fill_null(table[name].cast(pa.string()), "-") for name in ("workclass", "occupation", "education")]
    jobs = pc.binary_join_element_wise(*parts, "/").combine_chunks().dictionary_encode()
    return table, jobs.indices.to_numpy().astype(np.int64)


def make_traffic(rng: np.random.Generator, num_rows: int, path: Path) -> Traffic:
    """Persons in a random order, in two to six hours.

    Args:
        rng: Decides order, requests and times.
        num_rows: Rows, at most the 48,842 that there are.
        path: Of the Parquet file.
    """
    whole, jobs = _read(path)
    chosen = rng.permutation(whole.num_rows)[:num_rows]
    table, job = whole.take(pa.array(chosen)), jobs[chosen]
    group = np.repeat(np.arange(len(chosen)), rng.integers(1, 9, len(chosen)))[: len(chosen)]
    minutes = arrivals(rng, int(group.max()) + 1, rng.uniform(120.0, 360.0))
    time_us = START_US + (minutes * MINUTE_US).astype(np.int64)[group]
    floats = {name: table[name].to_numpy().astype(np.float32) for name in _NUMBERS}
    floats["weight"] = np.round(table["fnlwgt"].to_numpy() / 100_000, 3).astype(np.float32)
    floats["hour"] = np.floor(8.0 + minutes / 60.0).astype(np.float32)[group]
    floats["job_seen_1h"] = seen_before(job, time_us, _HOUR_US)
    floats["job_seen"] = seen_before(job, time_us, 24 * _HOUR_US)
    latest, lengths = _latest(job, floats["hours_per_week"])
    words = {name: table[name].cast(pa.string()).combine_chunks() for name in _WORDS}
    label = pc.equal(table["income"], ">50K").cast(pa.int8()).combine_chunks()
    columns: dict[str, pa.Array] = {
        "row_id": pa.array(np.arange(len(chosen))),
        "time": pa.array(time_us, pa.timestamp("us", "UTC")),
        "entity": pa.array(job),
        "request_id": pa.array(group),
        "label": label,
        "host": pa.array(draw_hosts(rng, group)),
        **{name: pa.array(values) for name, values in floats.items()},
        **words,
        "latest_hours": pa.ListArray.from_arrays(
            np.r_[0, np.cumsum(lengths)].astype(np.int32), latest[np.arange(LATEST) < lengths[:, None]]
        ),
    }
    served = {**floats, **{name: _indices(column) for name, column in words.items()}, "latest_hours": latest}
    null: dict[str, Mask] = {
        name: column.is_null().to_numpy(zero_copy_only=False) for name, column in words.items() if column.null_count
    }
    return Traffic(pa.table(columns), served, null, time_us, job, group, label.to_numpy())


def _indices(column: pa.Array) -> NDArray[np.int64]:
    encoded = column.dictionary_encode()
    codes = encoded.indices.fill_null(len(encoded.dictionary)).to_numpy(zero_copy_only=False)
    return np.array([*LAYOUT.indices(encoded.dictionary.to_pylist()), 0], np.int64)[codes]


def _latest(job: NDArray[np.int64], hours: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The hours of the job's rows just before, the newest first, padded with 0: ``(num_rows, LATEST)``; how many."""
    order = np.argsort(job, kind="stable")
    place = np.arange(len(job)) - np.searchsorted(job[order], job[order])
    lengths = np.empty(len(job), np.int64)
    lengths[order] = np.minimum(place, LATEST)
    latest = np.zeros((len(job), LATEST), np.float32)
    sorted_hours = hours[order]
    for back in range(1, LATEST + 1):
        there = np.flatnonzero(place >= back)
        latest[order[there], back - 1] = sorted_hours[there - back]
    return latest, lengths
