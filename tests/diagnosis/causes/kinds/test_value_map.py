"""Features whose values were served as others: what online answered is plain numpy over a table of weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from replay.config.sections.model.input import Input
from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.find import Diagnosis, find_causes
from replay.diagnosis.causes.kind import KINDS, describe
from replay.diagnosis.causes.kinds.constant import _contested
from replay.diagnosis.causes.kinds.value_map import _recode
from replay.diagnosis.causes.significance import measure
from tests.diagnosis.linear import counterfactual, score, small_columns, step_of
from tests.diagnosis.worlds import diagnose

KIND = KINDS["map"]
ROWS = 400
RNG = np.random.default_rng(7)
WEIGHTS = RNG.normal(size=(64, 2))
QUANTITIES = RNG.normal(size=(ROWS, 2))
QUANTITIES_INPUT = Input(name="x", dtype="float64", features=("a", "b"), missing=0.0)


def answer(ids: np.ndarray, quantities: np.ndarray = QUANTITIES) -> np.ndarray:
    """Online: what an id weighs times two quantities, through a sigmoid."""
    return 1.0 / (1.0 + np.exp(-(WEIGHTS[ids] * quantities).sum(1)))


def model(tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
    weights = torch.from_numpy(WEIGHTS)[tensors["id"]]
    return torch.sigmoid((weights * tensors["x"]).sum(1))


def causes_of(logged: Any, online: np.ndarray, **of_input: Any) -> Diagnosis:
    entry = Input.model_validate({"name": "id", "dtype": "int64", "feature": "id", "missing": 0, **of_input})
    columns = {"a": QUANTITIES[:, 0], "b": QUANTITIES[:, 1], "id": logged}
    return find_causes(counterfactual(columns, online, inputs=(QUANTITIES_INPUT, entry), others={"prod": model}))


@pytest.mark.parametrize(
    ("first", "logged", "by", "modulo"),
    [(0, 3, 5.0, None), (18, 3, 5.0, 24), (0, 24, 5.0, 24), (9, 8, -7.0, None), (10, 2, 9.0, None)],
)
def test_a_time_zone_is_one_cause_and_no_constants(first, logged, by, modulo):
    hours = first + RNG.integers(0, logged, ROWS)
    served = (hours + int(by)) % 24
    found = causes_of(hours, answer(served))
    cause = found.causes[0]

    assert [one.kind for one in found.causes] == ["map"]
    assert (cause.features, cause.parameters["by"], cause.parameters.get("modulo")) == (("id",), by, modulo)
    assert (cause.explained_rate, cause.share) == (1.0, 1.0)
    assert ROWS / 2 <= cause.rows_tested < ROWS  # the rows that it was not learnt from
    assert step_of(cause.hypothesis) == {
        "op": "shift", "features": ["id"], "by": by, **({"modulo": modulo} if modulo else {})
    }  # fmt: skip
    assert not any(one.startswith("id recoded") for one in cause.equivalent) or "id recoded" in cause.equivalent[0]


def test_an_older_vocabulary(tmp_path):
    """Three words had other indices, one had none yet."""
    words = ["us", "de", "fr", "it", "es"]
    (tmp_path / "words.json").write_text(json.dumps({word: 1 + place for place, word in enumerate(words)}), "utf-8")
    older = {"us": 1, "de": 3, "fr": 2, "it": 5, "es": 0}
    logged = np.array(words)[RNG.integers(0, 5, ROWS)]
    online = answer(np.array([older[word] for word in logged]))
    found = causes_of(logged, online, vocabulary=str(tmp_path / "words.json"), unknown=0)
    cause = found.causes[0]

    assert [one.kind for one in found.causes] == ["map"]
    assert step_of(cause.hypothesis) == {
        "op": "remap", "features": ["id"], "values": {"de": "fr", "es": "oov:unknown", "fr": "de", "it": "es"}
    }  # fmt: skip
    assert (cause.explained_rate, cause.parameters["values"]) == (
        1.0, "de as fr, es as oov:unknown, fr as de, it as es"
    )  # fmt: skip


def test_a_table_says_nothing_of_rows_without_a_value():
    """Whether one constant explains what a table leaves is asked of the rows whose value it lists."""
    ids = pa.array([None, 1, None, *[2, 3] * 20])
    inputs = (QUANTITIES_INPUT, Input(name="id", dtype="int64", feature="id", missing=0))
    lab = counterfactual({"a": QUANTITIES[:43, 0], "b": QUANTITIES[:43, 1], "id": ids}, np.full(43, 9.0), inputs=inputs,
                         others={"prod": model})  # fmt: skip
    (verdict,) = measure(lab, [_recode(lab, "id", {1: 4, 2: 5})], np.arange(43), with_chance=True)

    assert _contested(lab, verdict).tolist() == [1, *range(3, 43, 2)]
    assert not KINDS["constant"].refutes(lab, verdict)


def test_other_buckets():
    ids = RNG.integers(0, 60, ROWS)
    cause = causes_of(ids, answer(ids % 16)).causes[0]

    assert (cause.kind, cause.parameters["modulo"], cause.explained_rate) == ("map", 16, 1.0)


def test_what_only_a_few_values_became_stays_unexplained():
    """Of 20 buckets most are served as others that were never logged: the table of the rest is not what happened."""
    buckets = np.random.default_rng(1).permutation(64)[:20]
    ids = RNG.integers(0, 20, ROWS)

    assert 3 < (buckets < 20).sum() < 10
    assert [one.kind for one in causes_of(ids, answer(buckets[ids])).causes] == ["unexplained"]


def test_a_value_that_many_of_those_became_is_no_constant():
    """Of 20 buckets four are served as one: a fifth of the rows agrees with that value on all of them."""
    buckets = np.random.default_rng(1).permutation(64)[:20]
    buckets[10:14] = 7
    ids = RNG.integers(0, 20, ROWS)

    assert [one.kind for one in causes_of(ids, answer(buckets[ids])).causes] == ["unexplained"]


def test_two_values_that_became_each_other_stay_unexplained():
    """Drawn anew, the values of the rows that changed would be the same."""
    ids = RNG.integers(3, 5, ROWS)

    assert [one.kind for one in causes_of(ids, answer(7 - ids)).causes] == ["unexplained"]


def test_values_that_were_drawn_anew_are_no_map():
    ids = RNG.integers(0, 4, ROWS)

    assert [one.kind for one in causes_of(ids, answer(RNG.permutation(ids))).causes] == ["unexplained"]


def test_two_constants_of_one_feature_are_never_causes():
    ids = RNG.integers(0, 60, ROWS)
    served = np.where(RNG.random(ROWS) < 0.6, 17, 31)

    assert [one.kind for one in causes_of(ids, answer(served)).causes] == ["unexplained"]


def test_any_amount_added_to_a_number(world):
    cause = diagnose(world, world.score({**world.columns, "item_0": world.columns["item_0"] + np.float32(2.5)})).causes[
        0
    ]

    assert (cause.kind, cause.features) == ("map", ("item_0",))
    assert cause.parameters["by"] == pytest.approx(2.5, rel=1e-3)


def test_amounts_are_proposed_for_numbers_alone():
    columns = small_columns()
    lab = counterfactual(columns, score({**columns, "b": columns["b"] + 20.0}))
    proposals = list(KIND.propose(lab, np.arange(40)))

    assert [one.features for one in proposals] == [("a",)] * 2 + [("b",)] * 2 + [("c",)] * 2
    assert step_of(proposals[0]) == {"op": "shift", "features": ["a"], "by": proposals[0].get("by")}


@pytest.mark.parametrize(
    ("parameters", "short"),
    [
        ({"by": 5.0}, "{names} shifted by {by}"),
        ({"by": 5.0, "modulo": 24}, "{names} shifted by {by}, modulo {modulo}"),
        ({"by": 1.0, "modulo": 7, "start": 1}, "{names} shifted by {by}, modulo {modulo} from {start} up"),
        ({"modulo": 16}, "{names} taken modulo {modulo}"),
        ({"values": "1 as 2"}, "{names} recoded: {values}"),
    ],
    ids=["amount", "hours", "weekdays", "buckets", "table"],
)
def test_words(parameters, short):
    assert KIND.words(Cause("map", 1.0, 40, parameters=parameters)).short == short


def test_one_line_tells_maps_apart():
    lab = counterfactual(small_columns(), np.full(40, -1.0))
    hour = lab.perturbed("map", ("a",), "shift", by=5.0, modulo=24)
    table = lab.hypothesis("map", ("a",), values=tuple((place, None) for place in range(8)))

    assert describe(hour) == "a shifted by 5, modulo 24"
    assert describe(table) == (
        "a recoded: 0 as null, 1 as null, 2 as null, 3 as null, 4 as null, 5 as null, and 2 more"
    )
    assert KIND.contradicts(hour, table)
    assert KIND.contradicts(hour, lab.perturbed("constant", ("a",), "constant", value=1.0))
    assert not KIND.contradicts(hour, lab.perturbed("map", ("b",), "shift", by=5.0))
    assert not KIND.contradicts(hour, lab.perturbed("null_features", ("a",), "nulls"))
