"""Features that went through a smaller type: what online answered is plain numpy and torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from replay.config.sections.model.input import Input
from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.find import find_causes
from replay.diagnosis.causes.kind import KINDS, describe
from tests.diagnosis.linear import counterfactual, score, step_of
from tests.diagnosis.worlds import COUNTS, USER, diagnose

KIND = KINDS["cast_features"]
ROWS = 300
RNG = np.random.default_rng(21)
COLUMNS = {
    "a": RNG.uniform(1.0, 60.0, ROWS),
    "b": RNG.normal(0.0, 300.0, ROWS),
    "c": RNG.integers(-(2**40), 2**40, ROWS),
}
WEIGHTS = (1.0, 0.1, 1e-9)


def causes_of(served: dict[str, Any], **given: Any):
    """Causes where online saw other values of some columns, in a model that weighs and sums them."""
    online = score({**COLUMNS, **served}, WEIGHTS)
    prod = {"prod": lambda tensors: tensors["x"] @ torch.tensor(WEIGHTS, dtype=torch.float64) / 1000}
    mismatched = np.abs(online - score(COLUMNS, WEIGHTS)) > 1e-9
    return find_causes(counterfactual(COLUMNS, online, mismatched, others=prod, **given))


@pytest.mark.parametrize(
    ("name", "served", "step", "words"),
    [
        ("a", np.trunc, {"dtype": "int64", "rounding": "toward_zero"}, "a cut off to integers"),
        ("b", np.trunc, {"dtype": "int64", "rounding": "toward_zero"}, "b cut off to integers"),
        ("b", np.floor, {"dtype": "int64", "rounding": "down"}, "b rounded down to integers"),
        ("a", np.rint, {"dtype": "int64"}, "a rounded to integers"),
        ("a", lambda x: x.astype(np.float16), {"dtype": "float16"}, "a cast to float16"),
        ("a", lambda x: torch.from_numpy(x).bfloat16().double().numpy(), {"dtype": "bfloat16"}, "a cast to bfloat16"),
        ("b", lambda x: [round(one, 2) for one in x], {"decimals": 2}, "b rounded to 2 decimal places"),
        ("c", lambda x: x.astype(np.int32), {"dtype": "int32", "rounding": "toward_zero", "overflow": "wrap"},
         "c wrapped around in int32"),
        ("c", lambda x: x.astype(np.float32).astype(np.float64), {"dtype": "float32"}, "c cast to float32"),
        ("b", lambda x: np.clip(x, 0, 255).astype(np.uint8), {"dtype": "uint8", "rounding": "toward_zero"},
         "b cast to uint8"),
    ],
    ids=["truncated", "truncated, with negative ones", "floor", "rounded", "float16", "bfloat16", "decimals",
         "int32", "ids as floats", "uint8"],
)  # fmt: skip
def test_what_values_went_through(name, served, step, words):
    found = causes_of({name: served(COLUMNS[name])})
    cause = found.causes[0]

    assert [one.kind for one in found.causes] == ["cast_features"]
    assert (cause.features, cause.explained_rate) == ((name,), 1.0)
    assert step_of(cause.hypothesis) == {"op": "cast", "features": [name], **step}
    assert describe(cause.hypothesis) == words


def test_a_family_together():
    served = {name: np.trunc(COLUMNS[name]) for name in "ab"}
    cause = causes_of(served, families={"counts": ("a", "b")}).causes[0]

    assert (cause.kind, cause.families, cause.features) == ("cast_features", ("counts",), None)


def test_ids_that_were_wrapped():
    """Of 8 bits: from 256 on, int8 would give the same, but it would have changed the good rows from 128 on as well."""
    table = torch.from_numpy(RNG.normal(size=300))
    ids = RNG.integers(0, 300, ROWS)
    entry = Input(name="id", dtype="int64", feature="id", missing=0)
    online = table[torch.from_numpy(ids.astype(np.uint8).astype(np.int64))].numpy()
    mismatched = ids > 255
    found = find_causes(
        counterfactual({"id": ids}, online, mismatched, inputs=(entry,), others={"prod": lambda t: table[t["id"]]})
    )

    assert describe(found.causes[0].hypothesis) == "id wrapped around in uint8"
    assert (found.causes[0].explained_rate, found.causes[0].control_rate) == (1.0, 0.0)


def test_elements_of_an_embedding():
    vectors = RNG.normal(size=(ROWS, 8)).astype(np.float32)
    weights = torch.from_numpy(RNG.normal(size=8))
    entry = Input(name="v", dtype="float64", feature="v", length=8)
    online = torch.from_numpy(vectors).half().double() @ weights
    found = find_causes(
        counterfactual(
            {"v": pa.array(vectors.tolist(), pa.list_(pa.float32(), 8))},
            online.numpy(),
            inputs=(entry,),
            others={"prod": lambda tensors: tensors["v"] @ weights},
        )
    )

    assert step_of(found.causes[0].hypothesis) == {"op": "cast", "features": ["v"], "dtype": "float16"}


@pytest.mark.parametrize("size", [1e-3, 0.3, 5.0])
def test_noise_on_a_feature_stays_unexplained(size):
    noise = np.random.default_rng(3).normal(0.0, size, ROWS)

    assert [one.kind for one in causes_of({"a": COLUMNS["a"] + noise}).causes] == ["unexplained"]


def test_rounding_at_random_stays_unexplained():
    """Half of the rows are as if cut off, the others as if not: no one cast says so."""
    up = np.random.default_rng(5).random(ROWS) < COLUMNS["a"] % 1

    assert [one.kind for one in causes_of({"a": np.floor(COLUMNS["a"]) + up}).causes] == ["unexplained"]


def test_values_drawn_anew_stay_unexplained():
    served = np.random.default_rng(4).permutation(np.trunc(COLUMNS["a"]))

    assert [one.kind for one in causes_of({"a": served}).causes] == ["unexplained"]


def test_values_that_no_cast_changes_cost_nothing():
    whole = {name: np.arange(40.0) + place for place, name in enumerate("abc")}
    lab = counterfactual(whole, score(whole) + 1)

    assert list(KIND.refine(lab, [], np.arange(40), np.arange(40))) == []
    assert lab.rows_scored == 0


def test_a_cast_too_small_to_be_it_is_not_tried_on_single_features():
    """Nulls of a feature move scores a thousand times as far as float16 does."""
    lab = counterfactual(COLUMNS, score({**COLUMNS, "a": np.zeros(ROWS)}, WEIGHTS), others={"prod": lambda tensors: (
        tensors["x"] @ torch.tensor(WEIGHTS, dtype=torch.float64) / 1000
    )})  # fmt: skip
    tried = list(filter(None, KIND.refine(lab, [], np.arange(100), np.arange(ROWS))))

    assert not any("float16" in describe(one.hypothesis) for one in tried)


def test_a_family_of_a_larger_model(world):
    columns = {**world.columns, **{name: np.trunc(world.columns[name]) for name in COUNTS}}
    cause = diagnose(world, world.score(columns)).causes[0]

    assert (cause.kind, cause.families) == ("cast_features", ("counts",))
    assert cause.parameters["rounding"] == "toward_zero"


def test_a_narrow_type_of_a_few(world):
    narrow = {name: torch.from_numpy(world.columns[name]).bfloat16().float().numpy() for name in USER[:2]}
    cause = diagnose(world, world.score({**world.columns, **narrow}), budget=1_000_000).causes[0]

    assert (cause.kind, cause.features, cause.parameters["dtype"]) == ("cast_features", USER[:2], "bfloat16")


def test_words():
    parameters = {"decimals": 1.0, "chance_rate": 0.0}
    words = KIND.words(Cause("cast_features", 1.0, 40, parameters=parameters))

    assert words.short == "{names} rounded to 1 decimal place"
    assert words.as_if == "as if {names} had been rounded to 1 decimal place"
    assert KIND.words(Cause("cast_features", 1.0, 40)).short == "{names} cast to a smaller type"
