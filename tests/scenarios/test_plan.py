"""Which rows a scenario touches, and what steps make of each other's values."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.scenarios import Donors, TouchedRows, row_keys, salted, uniform
from replay.scenarios.outside import where_name
from tests.scenarios.making import model, plan, rows, touch

COUNT = 20_000
NUMBERS = pa.array(np.arange(COUNT, dtype=np.float64))
COLUMNS = {"a": NUMBERS, "b": NUMBERS, "c": NUMBERS}
FAMILIES = model(*COLUMNS, families={"ab": ("a", "b"), "bc": ("b", "c")})


def nulls(**step) -> dict:
    return {"op": "nulls", **step}


def hit(touched, feature: str) -> np.ndarray:
    """Where a feature of ``COLUMNS`` became null, (COUNT,) bool."""
    mask = np.zeros(COUNT, bool)
    if feature in touched.columns:
        mask[touched.rows] = touched.columns[feature].is_null().to_numpy(zero_copy_only=False)
    return mask


def correlation_bound() -> float:
    return 5 / np.sqrt(COUNT)


def five_sigma(rate: float) -> float:
    return 5 * np.sqrt(rate * (1 - rate) * COUNT)


@pytest.mark.parametrize("rate", [0.001, 0.05, 0.3, 0.99])
def test_the_share_is_binomial(rate):
    touched = touch(COLUMNS, nulls(features="a", rate=rate))

    assert abs(len(touched.rows) - rate * COUNT) <= five_sigma(rate)
    assert (np.diff(touched.rows) > 0).all()
    assert touched.rows.dtype == np.int64
    assert hit(touched, "a").sum() == len(touched.rows)


def test_rate_zero_touches_nothing_and_one_everything():
    none, everything = (touch(COLUMNS, nulls(features="*", rate=rate)) for rate in (0, 1))

    assert (none.rows.tolist(), none.columns) == ([], {})
    assert everything.rows.tolist() == list(range(COUNT))
    assert everything.columns.keys() == COLUMNS.keys()


@given(st.lists(st.floats(0, 1), min_size=2, max_size=2), st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_raising_a_rate_only_adds_rows(rates, seed):
    low, high = (set(touch(COLUMNS, nulls(features="a", rate=rate), seed=seed).rows.tolist()) for rate in sorted(rates))

    assert low <= high


def test_rows_of_different_features_steps_scenarios_and_seeds_are_independent():
    base = nulls(features="a", rate=0.3)
    first = hit(touch(COLUMNS, base), "a")
    others = [
        hit(touch(COLUMNS, nulls(features=("a", "b"), rate=0.3)), "b"),
        hit(touch(COLUMNS, nulls(features="b", rate=0), base), "a"),
        hit(touch(COLUMNS, base, salt="t"), "a"),
        hit(touch(COLUMNS, base, seed=1), "a"),
    ]

    for other in others:
        assert abs(np.corrcoef(first, other)[0, 1]) < correlation_bound()
        both = (first & other).sum()
        assert abs(both - 0.09 * COUNT) <= five_sigma(0.09)


def test_a_value_does_not_depend_on_whether_its_row_was_drawn():
    noise = {"op": "noise", "features": "a", "std": 1.0}
    every, some = touch(COLUMNS, noise), touch(COLUMNS, {**noise, "rate": 0.2})
    values = every.columns["a"].to_numpy()

    assert (some.columns["a"].to_numpy() == values[some.rows]).all()
    amounts = values - NUMBERS.to_numpy()
    inside = np.isin(np.arange(COUNT), some.rows)
    assert abs(np.corrcoef(amounts, inside)[0, 1]) < correlation_bound()


def test_features_of_a_family_fail_together_and_others_apart():
    touched = touch(COLUMNS, nulls(families="ab", features="c", rate=0.2), using=FAMILIES)

    assert (hit(touched, "a") == hit(touched, "b")).all()
    assert abs(np.corrcoef(hit(touched, "a"), hit(touched, "c"))[0, 1]) < correlation_bound()


def test_together_true_and_false():
    step = {"families": "ab", "features": "c", "rate": 0.2}
    shared = touch(COLUMNS, nulls(**step, together=True), using=FAMILIES)
    apart = touch(COLUMNS, nulls(**step, together=False), using=FAMILIES)

    assert (hit(shared, "a") == hit(shared, "c")).all()
    for one, other in (("a", "b"), ("a", "c"), ("b", "c")):
        assert abs(np.corrcoef(hit(apart, one), hit(apart, other))[0, 1]) < correlation_bound()


def test_a_feature_that_is_named_twice_is_changed_once():
    touched = touch(COLUMNS, {"op": "scale", "factor": 2, "families": ("ab", "bc"), "features": "*"}, using=FAMILIES)

    for feature in COLUMNS:
        assert touched.columns[feature].to_pylist() == [2 * value for value in range(COUNT)]


STEPS = [
    {"op": "noise", "features": "*", "std": 2.0, "rate": 0.5},
    {"op": "bitflip", "features": "a", "rate": 0.3},
    {"op": "swap", "features": "a", "with": "b", "rate": 0.4},
    {"op": "shuffle", "features": "c", "rate": 0.3},
    {"op": "nulls", "features": ("b", "v"), "rate": 0.2},
]


def some_columns(count: int) -> dict[str, pa.Array]:
    numbers = pa.array(np.arange(count, dtype=np.float32))
    lists = pa.array([[float(i)] * (i % 4) if i % 5 else None for i in range(count)], pa.list_(pa.float32()))
    return {"a": numbers, "b": numbers, "c": numbers, "v": lists}


@given(st.permutations(range(60)), st.lists(st.integers(0, 60), max_size=4))
@settings(max_examples=25, deadline=None)
def test_the_same_bits_in_any_order_and_batches(order, cuts):
    columns, keys = some_columns(60), row_keys([pa.array(range(60))])
    donor_order = np.argsort(keys)
    donors = Donors(keys[donor_order], {"c": columns["c"].take(pa.array(donor_order))})
    scenario = plan(columns, *STEPS, donors=donors)
    whole = scenario.touch(rows(columns))
    expected = {row: [whole.columns[f][k] for f in columns] for k, row in enumerate(whole.rows.tolist())}

    found = {}
    bounds = [0, *sorted(cuts), 60]
    for start, end in pairwise(bounds):
        places = np.array(order[start:end], np.int64)
        part = {name: array.take(pa.array(places)) for name, array in columns.items()}
        touched = scenario.touch(rows(part, keys[places]))
        for k, place in enumerate(touched.rows):
            # A feature that no step touched in this batch keeps its logged values.
            values = [touched.columns[f][k] if f in touched.columns else part[f][int(place)] for f in columns]
            found[int(places[place])] = values
    assert {row: [value.as_py() for value in values] for row, values in found.items()} == {
        row: [value.as_py() for value in values] for row, values in expected.items()
    }


def test_steps_see_what_earlier_ones_left():
    columns = {"x": pa.array([1.0, 10.0, None])}
    clip, scale = {"op": "clip", "features": "x", "max": 5}, {"op": "scale", "features": "x", "factor": 3}

    assert touch(columns, clip, scale).columns["x"].to_pylist() == [3, 15, None]
    assert touch(columns, scale, clip).columns["x"].to_pylist() == [3, 5, None]


def test_steps_over_different_rows_of_one_feature():
    columns = {"x": NUMBERS}
    first, second = ({"op": "scale", "features": "x", "factor": factor, "rate": 0.5} for factor in (2, 3))
    touched = touch(columns, first, second)
    factors = touched.columns["x"].to_numpy()[1:] / touched.rows[1:]

    assert set(factors) == {2.0, 3.0, 6.0}
    assert abs(len(touched.rows) - 0.75 * COUNT) <= five_sigma(0.75)


def test_window_is_half_open_and_needs_a_time():
    second = 1_000_000
    start = 1_763_632_800 * second  # 2025-11-20T10:00:00Z
    times = np.array([start - 1, start, start + second - 1, start + second, start])
    step = nulls(features="x", window={"start": "2025-11-20T10:00:00Z", "end": "2025-11-20T10:00:01Z"})
    columns = {"x": pa.array(range(5))}
    has_time = np.array([True, True, True, True, False])
    scenario = plan(columns, step)

    assert scenario.touch(rows(columns, time_us=times, has_time=has_time)).rows.tolist() == [1, 2]
    assert scenario.touch(rows(columns, time_us=times)).rows.tolist() == [1, 2, 4]
    assert scenario.touch(rows(columns)).rows.tolist() == []


def test_open_windows():
    times, columns = np.array([-5, 0, 5]), {"x": pa.array(range(3))}

    for window, expected in (({"start": "1970-01-01T00:00:00Z"}, [1, 2]), ({"end": "1970-01-01T00:00:00Z"}, [0])):
        assert plan(columns, nulls(features="x", window=window)).touch(rows(columns, time_us=times)).rows.tolist() == (
            expected
        )


def test_where_counts_null_as_false():
    columns, condition = {"x": pa.array(range(3))}, "surface = 'home'"
    side = {where_name(condition): pa.array([True, None, False])}

    touched = plan(columns, nulls(features="x", where=condition)).touch(rows(columns, side=side.__getitem__))

    assert touched.rows.tolist() == [0]


def test_rows_that_the_encoder_refused_are_not_touched():
    columns = {"x": pa.array(range(3))}
    touched = plan(columns, nulls(features="x")).touch(rows(columns, accepted=np.array([True, False, True])))

    assert touched.rows.tolist() == [0, 2]


def test_no_rows():
    columns = {"x": pa.array([], pa.int64())}

    assert touch(columns, nulls(features="x")).rows.tolist() == []


def test_only_features_that_a_step_reaches_are_read():
    read = []

    def column(name):
        read.append(name)
        return COLUMNS[name]

    keys = row_keys([pa.array(range(COUNT))])
    batch = TouchedRows(keys, np.ones(COUNT, bool), None, None, column, {}.__getitem__)
    plan(COLUMNS, {"op": "scale", "features": "a", "factor": 2, "rate": 0.1}).touch(batch)

    assert read == ["a"]


def test_features_of_a_plan_are_in_schema_order():
    scenario = plan(COLUMNS, nulls(features=("c", "a")), nulls(features="a"))

    assert (scenario.name, scenario.features) == ("s", ("a", "c"))


@pytest.mark.parametrize(
    ("step", "unit"),
    [
        ({"features": "b"}, "b"),
        ({"families": "bc"}, "bc"),
        ({"families": "bc", "features": "a", "together": True}, "*"),
        ({"families": "bc", "together": False}, "b"),
    ],
)
def test_rows_are_those_of_the_documented_hash(step, unit):
    touched = touch(COLUMNS, nulls(features="a", rate=0), nulls(**step, rate=0.25), using=FAMILIES, seed=3, salt="x")
    keys = row_keys([pa.array(range(COUNT))])

    assert (hit(touched, "b") == (uniform(keys, salted(3, "x", 1, unit)) < 0.25)).all()
