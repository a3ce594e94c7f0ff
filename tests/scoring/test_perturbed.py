"""Scenarios in the hot path: sparse columns against plain numpy, and no more work than the rows that they touch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from replay.errors import RunFailed
from replay.features import Encoder
from replay.scenarios import Donors, row_keys
from replay.scenarios.outside import stale_name, where_name
from replay.scoring import Stopwatch, perturbed
from replay.scoring.chunks import ChunkedScorer
from replay.scoring.routes import HashRoute
from tests.scoring.making import DENSE, WEIGHTS, batch, numbers, same_bits, score, scorer, table, valid, weighted, work

ROWS = 2_000
NULLS = {"op": "nulls", "features": ["a"]}


def plain(columns: Mapping[str, pa.Array], **changed: float | np.ndarray) -> np.ndarray:
    """a + 10 b + 100 c, by numpy, with some columns replaced."""
    values = [np.broadcast_to(changed.get(name, columns[name].to_numpy()), len(columns["id"])) for name in "abc"]
    return np.stack(values, axis=1) @ WEIGHTS.astype(np.float64)


def test_a_rate_of_one_touches_every_row_and_a_rate_of_zero_none():
    columns = table(ROWS)
    found = score(work({"s": [{**NULLS, "rate": [0.0, 1.0]}]}), columns)
    np.testing.assert_array_equal(numbers(found["prod/s@1"]), plain(columns, a=-1.0))
    assert found["prod/s@0"].null_count == ROWS
    np.testing.assert_array_equal(numbers(found["prod"]), plain(columns))


def test_the_touched_rows_alone_have_a_score_and_a_higher_rate_only_adds_rows():
    columns = table(ROWS)
    found = score(work({"s": [{**NULLS, "rate": [0.05, 0.3, 0.8]}]}), columns)
    expected = plain(columns, a=-1.0)
    before = np.zeros(ROWS, bool)
    for rate in (0.05, 0.3, 0.8):
        touched = valid(found[f"prod/s@{rate}"])
        assert abs(int(touched.sum()) - ROWS * rate) <= 5 * math.sqrt(ROWS * rate * (1 - rate))
        np.testing.assert_array_equal(numbers(found[f"prod/s@{rate}"])[touched], expected[touched])
        assert not (before & ~touched).any()
        before = touched


def test_a_family_fails_together_and_features_each_on_their_own():
    columns = table(ROWS)
    steps = {
        "family": [{"op": "constant", "value": -1, "families": ["pair"], "rate": 0.5}],
        "features": [{"op": "constant", "value": -1, "features": ["a", "b"], "rate": 0.5}],
    }
    found = score(work(steps, families={"pair": ["a", "b"]}), columns)
    touched = valid(found["prod/family"])
    np.testing.assert_array_equal(numbers(found["prod/family"])[touched], plain(columns, a=-1.0, b=-1.0)[touched])
    apart = numbers(found["prod/features"])
    one, other, both = plain(columns, a=-1.0), plain(columns, b=-1.0), plain(columns, a=-1.0, b=-1.0)
    counts = [int((apart == each).sum()) for each in (one, other, both)]
    # A quarter of the rows each: only a, only b, both.
    assert all(abs(count - ROWS / 4) <= 5 * math.sqrt(ROWS * 3 / 16) for count in counts)
    assert sum(counts) == found["prod/features"].length() - found["prod/features"].null_count


def test_steps_see_what_earlier_steps_left():
    columns = table(ROWS)
    steps = [
        {"op": "constant", "features": ["a"], "value": 3},
        {"op": "scale", "features": ["a", "b"], "factor": 2},
        {"op": "swap", "features": ["b"], "with": ["c"]},
    ]
    found = score(work({"s": steps}), columns)
    b, c = columns["b"].to_numpy(), columns["c"].to_numpy()
    np.testing.assert_array_equal(numbers(found["prod/s"]), plain(columns, a=6.0, b=c, c=2 * b))


def test_every_scenario_checkpoint_has_the_same_rows():
    columns = table(ROWS)
    given = work({"s": [{**NULLS, "rate": 0.3}]}, checkpoints=("prod", "new"), perturbed=("prod", "new"))
    found = score(given, columns, functions={"prod": weighted, "new": lambda tensors: tensors["dense"].sum(1)})
    touched = valid(found["prod/s"])
    np.testing.assert_array_equal(touched, valid(found["new/s"]))
    values = np.stack([columns[name].to_numpy() for name in "bc"])
    np.testing.assert_array_equal(numbers(found["new/s"])[touched], (values.sum(0) - 1.0)[touched])


def test_rows_that_the_contract_rejects_are_never_touched():
    columns = table(4)
    columns["b"] = pa.array([1.0, None, 2.0, float("nan")], pa.float32())
    strict = {"name": "dense", "dtype": "float32", "features": ["a", "b", "c"], "missing": {"a": -1.0}}
    found = score(work({"s": [NULLS]}, inputs=[strict]), columns)
    assert found["rejected"].to_pylist()[1] == "null_without_default"
    assert found["prod/s"].to_pylist()[1] is None
    assert found["prod"].to_pylist()[1] is None
    assert valid(found["prod/s"]).tolist() == valid(found["prod"]).tolist()


def test_what_the_contract_refuses_after_a_step_scores_nan_and_is_counted():
    columns = table(ROWS)
    strict = {**DENSE, "missing": {"b": 0.0, "c": 0.0}}
    given = work({"s": [{**NULLS, "rate": 0.3}], "fine": [{"op": "nulls", "features": ["b"]}]}, inputs=[strict])
    made = scorer(given, batch(columns).schema)
    found = pa.Table.from_batches(list(made.run([batch(columns)] * 2, Stopwatch())))
    touched = valid(found["prod/s"])
    assert touched.any()
    assert np.isnan(numbers(found["prod/s"])[touched]).all()
    assert made.perturbed.counted() == {"refused:s": float(touched.sum())}
    np.testing.assert_array_equal(numbers(found["prod/fine"])[:ROWS], plain(columns, b=0.0))


def test_a_window_and_a_condition_bound_the_rows():
    columns = table(6)
    columns["at"] = pa.array([1000, 2000, 3000, 4000, None, 3500], pa.int64())
    columns[where_name("x")] = pa.array([True, True, None, True, True, False])
    window = {"start": "1970-01-01T00:00:02Z", "end": "1970-01-01T00:00:04Z"}
    steps = {"window": [{**NULLS, "window": window}], "where": [{**NULLS, "where": "x"}]}
    found = score(work(steps, time="at", time_unit="ms"), columns)
    assert valid(found["prod/window"]).tolist() == [False, True, True, False, False, True]
    assert valid(found["prod/where"]).tolist() == [True, True, False, True, True, False]


def test_stale_takes_the_older_values_and_counts_rows_without_any():
    columns = table(4)
    given = work({"late": [{"op": "stale", "features": ["a", "b"], "lag": ["1h", "2h"]}]})
    hour, hours = (scenario.perturbations[0].arguments.older_by for scenario in given.scenarios)
    assert hour is not None
    assert hours is not None
    for lag, old in ((hour, [7.0, None, None, 8.0]), (hours, [None, None, None, None])):
        columns[stale_name("a", lag)] = pa.array(old, pa.float32())
        columns[stale_name("b", lag)] = pa.array([9.0, 5.0, None, None] if lag == hour else [None] * 4, pa.float32())
    made = scorer(given, batch(columns).schema)
    (found,) = made.run([batch(columns)], Stopwatch())
    older = plain(columns, a=np.array([7.0, -1.0, -1.0, 8.0]), b=np.array([9.0, 5.0, -1.0, -1.0]))
    np.testing.assert_array_equal(found["prod/late@1h"].to_numpy(), older)
    np.testing.assert_array_equal(found["prod/late@2h"].to_numpy(), plain(columns, a=-1.0, b=-1.0))
    assert made.perturbed.counted() == {"without_history:late@1h": 1.0, "without_history:late@2h": 4.0}


def test_a_shuffle_gives_a_donors_value():
    columns = table(ROWS)
    keys = row_keys([pa.array(range(10_000, 10_002), pa.int64())])
    donors = Donors(np.sort(keys), {"a": pa.array([50.0, 70.0], pa.float32())})
    found = numbers(score(work({"s": [{"op": "shuffle", "features": ["a"]}]}, donors=donors), columns)["prod/s"])
    given = found - plain(columns, a=0.0)
    assert set(given.tolist()) == {50.0, 70.0}
    assert abs(int((given == 50.0).sum()) - ROWS / 2) <= 5 * math.sqrt(ROWS / 4)


# Routes.


def test_a_scenario_under_a_route_is_answered_by_the_member_of_the_row():
    columns = table(ROWS)
    route = HashRoute(("prod", "new"), (0.6, 0.4), ("a",), 3)
    given = work(
        {"s": [{**NULLS, "rate": 0.5}]}, checkpoints=("prod", "new"), perturbed=("ramp",), routes={"ramp": route}
    )
    functions = {"prod": weighted, "new": lambda tensors: -weighted(tensors)}
    found = score(given, columns, functions=functions)
    clean, ramp = numbers(found["prod"]), numbers(found["ramp"])
    to_new = ramp == -clean
    # Rows of one value of `a` go one way, also where the scenario takes that value away.
    for value in range(5):
        assert len(set(to_new[columns["a"].to_numpy() == value].tolist())) == 1
    assert 0 < to_new.sum() < ROWS
    touched = valid(found["ramp/s"])
    expected = np.where(to_new, -1, 1) * plain(columns, a=-1.0)
    np.testing.assert_array_equal(numbers(found["ramp/s"])[touched], expected[touched])
    assert 0 < touched.sum() < ROWS


def test_a_route_of_float32_and_float64_keeps_the_bits_of_both():
    columns = table(ROWS)
    columns["a"] = pa.array(np.random.default_rng(1).standard_normal(ROWS).astype(np.float32))
    route = HashRoute(("prod", "fine"), (0.5, 0.5), ("id",), 3)
    functions = {"prod": weighted, "fine": lambda tensors: tensors["dense"].double().sum(1) / 3}
    given = work(
        {"s": [{"op": "scale", "features": ["a"], "factor": 3}]},
        checkpoints=("prod", "fine"),
        perturbed=("ramp", "prod", "fine"),
        routes={"ramp": route},
        double=("fine", "ramp"),
    )
    found = score(given, columns, functions=functions)
    for suffix in ("", "/s"):
        assert found[f"ramp{suffix}"].type == pa.float64()
        one, two, ramp = (numbers(found[f"{name}{suffix}"]) for name in ("prod", "fine", "ramp"))
        assert ((ramp == one) | (ramp == two)).all()
        assert 0 < (ramp == two).sum() < ROWS
    np.testing.assert_array_equal(numbers(found["ramp"]) == numbers(found["fine"]), route_of(route, columns) == 1)


def route_of(route: HashRoute, columns: Mapping[str, pa.Array]) -> np.ndarray:
    return route.assign_hashed(row_keys([columns["id"]]))


# The same bits in any company.

torch.manual_seed(0)
_LINEAR = torch.nn.Linear(512, 1)
VECTOR = {"name": "x", "dtype": "float32", "feature": "vec", "length": 512, "missing": 0.0}


def linear(tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = _LINEAR(tensors["x"]).squeeze(1)
    return found


def vectors(rows: int) -> dict[str, pa.Array]:
    values = np.random.default_rng(2).standard_normal(rows * 512).astype(np.float32)
    return {
        "id": pa.array(range(rows), pa.int64()),
        "vec": pa.FixedSizeListArray.from_arrays(pa.array(values), 512),
    }


def cut(columns: Mapping[str, pa.Array], *stops: int) -> list[dict[str, pa.Array]]:
    edges = [0, *stops, len(columns["id"])]
    return [
        {name: array.slice(start, stop - start) for name, array in columns.items()}
        for start, stop in itertools.pairwise(edges)
    ]


NOISE = {"op": "noise", "features": ["vec"], "std": 0.1}
MANY: dict[str, list[dict[str, Any]]] = {
    "half": [{**NOISE, "rate": 0.5}],
    "all": [NOISE],
    "few": [{**NOISE, "rate": 0.02}, {"op": "bitflip", "features": ["vec"], "rate": 0.02}],
}


def test_neither_batches_nor_other_scenarios_change_a_bit():
    columns = vectors(300)
    whole = score(work(MANY, inputs=[VECTOR]), columns, functions={"prod": linear})
    pieces = score(work(MANY, inputs=[VECTOR]), *cut(columns, 1, 77, 200), functions={"prod": linear})
    assert all(same_bits(pieces[name], whole[name]) for name in ("prod", *(f"prod/{name}" for name in MANY)))
    backwards = dict(reversed(MANY.items()))
    other = score(work(backwards, inputs=[VECTOR]), columns, functions={"prod": linear})
    for name in MANY:
        alone = score(work({name: MANY[name]}, inputs=[VECTOR]), columns, functions={"prod": linear})
        assert same_bits(alone[f"prod/{name}"], whole[f"prod/{name}"])
        assert same_bits(other[f"prod/{name}"], whole[f"prod/{name}"])


def test_waiting_rows_are_bounded_and_the_bound_changes_no_bit(monkeypatch: pytest.MonkeyPatch):
    columns = vectors(100)
    many = {f"s{place}": [{**NOISE, "rate": 0.9}] for place in range(20)}
    whole = score(work(many, inputs=[VECTOR]), columns, functions={"prod": linear})
    sizes: list[int] = []
    original = ChunkedScorer.score

    def watched(self: ChunkedScorer, pieces: Any) -> Any:
        sizes.append(sum(len(piece["x"]) for piece in pieces))
        return original(self, pieces)

    monkeypatch.setattr(ChunkedScorer, "score", watched)
    monkeypatch.setattr(perturbed, "MOST_WAITING", 250)
    bounded = score(work(many, inputs=[VECTOR]), columns, functions={"prod": linear})
    assert bounded.equals(whole)
    assert max(sizes) < 250 + 100
    assert len(sizes) > 5


# No more work than needed.


def test_a_batch_is_encoded_once_and_only_touched_rows_are_scored_again(monkeypatch: pytest.MonkeyPatch):
    columns = table(ROWS)
    calls: list[str] = []
    again: list[set[str]] = []
    encode, encode_features = Encoder.encode, Encoder.encode_features

    def counted(self: Encoder, given: pa.RecordBatch) -> Any:
        calls.append("encode")
        return encode(self, given)

    def counted_again(self: Encoder, given: Mapping[str, pa.Array], into: Any) -> Any:
        again.append(set(given))
        return encode_features(self, given, into)

    monkeypatch.setattr(Encoder, "encode", counted)
    monkeypatch.setattr(Encoder, "encode_features", counted_again)
    scored: list[int] = []

    def watched(tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        scored.append(len(tensors["dense"]))
        return weighted(tensors)

    scenarios = {
        f"{name}{place}": [{"op": "nulls", "features": [name], "rate": 0.05}] for place in range(5) for name in "ab"
    }
    found = score(work(scenarios), columns, functions={"prod": watched}, pad_chunks=False)
    assert calls == ["encode"]
    assert again == [{"a"}, {"b"}] * 5
    touched = sum(ROWS - found[f"prod/{name}"].null_count for name in scenarios)
    assert 0 < touched < 0.1 * ROWS * len(scenarios)
    assert sum(scored) == ROWS + touched


# Models whose rows look at each other.


def centred(tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
    scores = weighted(tensors)
    return scores - scores.mean()


def test_a_model_that_looks_at_neighbours_scores_whole_batches():
    columns = table(64)
    given = work({"s": [{**NULLS, "rate": 0.3}], "none": [{**NULLS, "rate": 0.0}]}, whole=frozenset({"prod"}))
    found = score(given, columns, functions={"prod": centred}, chunk_rows=64)
    once = score(work({"s": [{**NULLS, "rate": 0.3}]}), columns)
    touched = valid(once["prod/s"])
    assert 0 < touched.sum() < 64
    scores = np.where(touched, plain(columns, a=-1.0), plain(columns))
    assert valid(found["prod/s"]).all()  # rows beside the touched ones have changed as well
    np.testing.assert_allclose(numbers(found["prod/s"]), scores - scores.mean(), rtol=0, atol=1e-4)
    assert found["prod/none"].null_count == 64


RAGGED = {"name": "x", "dtype": "float32", "feature": "list", "pad": 0.0}


def ragged() -> tuple[dict[str, pa.Array], Donors]:
    columns = {"id": pa.array([1, 2, 3], pa.int64()), "list": pa.array([[1.0], [2.0, 3.0], []], pa.list_(pa.float32()))}
    long = pa.array([[10.0, 20.0, 30.0, 40.0]], pa.list_(pa.float32()))
    return columns, Donors(row_keys([pa.array([99], pa.int64())]), {"list": long})


def widths(tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """The sum of a row, and 1,000 for every place of the input: what it was padded to shows."""
    return tensors["x"].sum(1) + 1000 * tensors["x"].shape[1]


def test_a_scenario_may_make_a_ragged_input_longer():
    columns, donors = ragged()
    steps = {
        "longer": [{"op": "shuffle", "features": ["list"], "rate": 1.0}],
        "scaled": [{"op": "scale", "features": ["list"], "factor": 2}],
    }
    found = score(work(steps, inputs=[RAGGED], donors=donors), columns, functions={"prod": widths})
    assert found["prod"].to_pylist() == [2001.0, 2005.0, 2000.0]
    assert found["prod/longer"].to_pylist() == [4100.0] * 3
    assert found["prod/scaled"].to_pylist() == [2002.0, 2010.0, 2000.0]


def test_a_model_that_looks_at_neighbours_refuses_a_longer_input():
    columns, donors = ragged()
    steps = {"longer": [{"op": "shuffle", "features": ["list"], "rate": 1.0}]}
    given = work(steps, inputs=[RAGGED], donors=donors, whole=frozenset({"prod"}))
    with pytest.raises(RunFailed, match="give the input a `length`"):
        score(given, columns, functions={"prod": widths})
