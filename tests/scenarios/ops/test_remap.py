"""remap: values became others, one by one."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest
from pydantic import ValidationError

from replay.config.sections.scenarios import Perturbation
from replay.errors import ReplayError
from tests.scenarios.making import changed


@pytest.mark.parametrize(
    ("logged", "values", "expected"),
    [
        (pa.array(["a", "b", None]), {"a": "z"}, ["z", "b", None]),
        (pa.array(["a", "b", "a"]).dictionary_encode(), {"a": "z", "b": None}, ["z", None, "z"]),
        (pa.array([1, 2, 3], pa.int8()), {1: 2, 2: 1}, [2, 1, 3]),
        (pa.array([0.1, 1.0], pa.float32()), {0.1: 2}, [2.0, 1.0]),
        (pa.array([True, False]), {True: False}, [False, False]),
        (pa.array([b"a", b"b"]), {"a": "z"}, [b"z", b"b"]),
        (pa.array([b"ab"], pa.binary(2)), {"ab": "cd"}, [b"cd"]),
        (pa.array([Decimal("1.5")], pa.decimal128(4, 1)), {"1.5": 2}, [Decimal("2.0")]),
        (pa.array([[1, 2, None], None]), {1: 9}, [[9, 2, None], None]),
        (pa.array([None, None]), {1: 9}, [None, None]),
    ],
    ids=["text", "dictionary", "integers", "floats", "bools", "bytes", "fixed bytes", "decimals", "lists", "nulls"],
)
def test_values_become_others(logged, values, expected):
    found = changed(logged, op="remap", values=values)

    assert (found.to_pylist(), found.type) == (expected, logged.type)


def test_a_step_reads_what_it_writes():
    step = Perturbation(op="remap", features=("x",), values={5: 7, "US": None, True: 1.5})
    written = step.model_dump(mode="json")

    assert written["values"] == {"5": 7, "US": None, "true": 1.5}
    assert Perturbation.model_validate_json(step.model_dump_json()).model_dump(mode="json") == written


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"a": 1}, "cannot hold all of a"),
        ({"1": 2, "01": 3}, "are the same as int64"),
        ({1: "b"}, "cannot hold the value"),
    ],
)
def test_what_a_feature_cannot_hold(values, message):
    with pytest.raises(ReplayError, match=message):
        changed(pa.array([1, 2]), op="remap", values=values)


def test_it_needs_values():
    with pytest.raises(ValidationError, match="`remap` needs `values`"):
        changed(pa.array([1]), op="remap", values={})
