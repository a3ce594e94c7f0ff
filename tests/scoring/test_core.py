"""The hot path without Spark: batches in, batches of scores out."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from replay.checkpoints import FunctionScorer, IndexOutOfRange
from replay.checkpoints.scorers.indices import BadIndex
from replay.errors import CheckpointMismatch
from replay.scoring import BatchScorer, Carried, Stopwatch
from replay.scoring.core import to_utc
from tests.scoring.making import DENSE, WEIGHTS, batch, numbers, score, scorer, table, weighted, work

MICROS = pa.timestamp("us", tz="UTC")
MOMENT = datetime(2026, 11, 20, 10, 0, 0, 123456, tzinfo=UTC)
SINCE = 1_795_168_800_123_456  # microseconds from 1970 to MOMENT


def test_every_batch_gives_one_of_scores_in_order_and_an_empty_one_none():
    first, second = table(10), table(7, seed=1, first=10)
    empty = {name: array.slice(0, 0) for name, array in first.items()}
    made = scorer(work({}), batch(first).schema)
    found = list(made.run([batch(first), batch(empty), batch(second)], Stopwatch()))
    assert [each.num_rows for each in found] == [10, 7]
    assert found[0].schema == made.schema
    joined = pa.Table.from_batches(found)
    assert joined["id"].to_pylist() == list(range(17))
    dense = np.concatenate([np.stack([each[name].to_numpy() for name in "abc"], 1) for each in (first, second)])
    np.testing.assert_array_equal(numbers(joined["prod"]), dense @ WEIGHTS)


def test_the_stopwatch_has_the_seconds_of_every_stage():
    columns = table(10)
    stopwatch = Stopwatch()
    list(scorer(work({}), batch(columns).schema).run([batch(columns)], stopwatch))
    assert stopwatch.seconds.keys() == {"read", "encode", "score", "write"}
    assert all(stopwatch.seconds[stage] > 0 for stage in ("read", "encode", "score"))


def test_a_rejected_row_has_a_reason_and_no_score():
    columns = table(4)
    columns["a"] = pa.array([1.0, None, 2.0, None], pa.float32())
    strict = {**DENSE, "missing": {"b": 0.0, "c": 0.0}}
    found = score(work({}, inputs=[strict]), columns)
    assert found["rejected"].to_pylist() == [None, "null_without_default", None, "null_without_default"]
    assert found["rejected_feature"].to_pylist() == [None, "a", None, "a"]
    assert [value is None for value in found["prod"].to_pylist()] == [False, True, False, True]


def test_what_is_carried_comes_in_the_type_of_its_role():
    columns = {
        **table(2),
        "at": pa.array([SINCE // 1000, None], pa.int64()),
        "clicked": pa.array([True, None]),
        "surface": pa.array(["home", None]).dictionary_encode(),
        "context": pa.array([{"os": "ios"}, {"os": None}]),
    }
    carried = (
        Carried("id", pa.int64(), "key"),
        Carried("at", MICROS, "time"),
        Carried("clicked", pa.float64(), "number"),
        Carried("surface", pa.string(), "as_logged"),
        Carried("context.os", pa.string(), "as_logged"),
    )
    found = score(work({}, carried=carried, time="at", time_unit="ms"), columns).slice(0, 2)
    assert found["at"].to_pylist() == [MOMENT.replace(microsecond=123000), None]
    assert found["clicked"].to_pylist() == [1.0, None]
    assert found["surface"].to_pylist() == ["home", None]
    assert found["context.os"].to_pylist() == ["ios", None]


def test_a_column_of_float64_keeps_its_bits():
    columns = table(50)
    found = score(work({}, double=("prod",)), columns, functions={"prod": lambda t: weighted(t).double() / 3})
    assert found["prod"].type == pa.float64()
    dense = np.stack([columns[name].to_numpy() for name in "abc"], 1)
    np.testing.assert_array_equal(numbers(found["prod"]), (dense @ WEIGHTS).astype(np.float64) / 3)


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        (pa.array([SINCE], pa.int64()), "us"),
        (pa.array([SINCE * 1000 + 999], pa.int64()), "ns"),
        (pa.array([SINCE], pa.timestamp("us")), None),
        (pa.array([SINCE], pa.timestamp("us", tz="Asia/Tokyo")), None),
        (pa.array([SINCE * 1000 + 999], pa.timestamp("ns")), None),
    ],
    ids=["int-us", "int-ns", "no-zone", "zone", "ns"],
)
def test_times_are_instants_in_utc_to_the_microsecond(values: pa.Array, unit: str | None):
    assert to_utc(values, unit).type == MICROS
    assert to_utc(values, unit).to_pylist() == [MOMENT]


@pytest.mark.parametrize("unit", ["s", "ms"])
def test_coarse_integers_are_times_too(unit: str):
    per_second = {"s": 1, "ms": 1000}[unit]
    assert to_utc(
        pa.array([1_795_168_800 * per_second, None], pa.int32() if unit == "s" else pa.int64()), unit
    ).to_pylist() == [MOMENT.replace(microsecond=0), None]


def test_a_date_is_its_midnight():
    assert to_utc(pa.array([20_777], pa.date32()), None).to_pylist() == [datetime(2026, 11, 20, tzinfo=UTC)]


def test_a_checkpoint_that_writes_to_its_inputs_changes_no_other():
    def clipped(tensors):
        return weighted({"dense": tensors["dense"].clamp_(max=2.0)})

    columns = [table(50), table(50, seed=1, first=50)]
    shift = {"op": "constant", "features": ["a"], "value": 9}
    both = work({"shifted": [shift]}, checkpoints=("prod", "next"), perturbed=("prod", "next"))
    found = score(both, *columns, functions={"prod": clipped, "next": weighted}, chunk_rows=16)
    dense = np.concatenate([np.stack([each[name].to_numpy() for name in "abc"], 1) for each in columns])
    shifted = np.concatenate([np.full((100, 1), 9, np.float32), dense[:, 1:]], 1)
    for rows, scenario in ((dense, ""), (shifted, "/shifted")):
        np.testing.assert_array_equal(numbers(found[f"prod{scenario}"]), np.minimum(rows, 2) @ WEIGHTS)
        np.testing.assert_array_equal(numbers(found[f"next{scenario}"]), rows @ WEIGHTS)


def test_an_index_out_of_range_is_told_with_its_feature_as_spark_passes_it_on():
    def refuse(_: object) -> object:
        raise IndexOutOfRange("prod", BadIndex("dense", 1, 9, 5, ("t.weight",)), "IndexError")

    made = BatchScorer(work({}), batch(table(4)).schema, {"prod": FunctionScorer(refuse)}, 8)
    with pytest.raises(CheckpointMismatch, match=r"the index 9 for `b` \(input `dense`\), but `t.weight`") as caught:
        list(made.run([batch(table(4))], Stopwatch()))
    assert type(caught.value).__module__ == "replay.errors"
