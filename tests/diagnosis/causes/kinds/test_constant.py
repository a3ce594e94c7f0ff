"""Values that a broken feature is likely to hold."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from replay.checkpoints import FunctionScorer
from replay.config.sections.diff import Tolerance
from replay.config.sections.model.contract import ModelConfig
from replay.config.sections.model.input import Input
from replay.diagnosis.causes.cause import Cause
from replay.diagnosis.causes.counterfactual.replay import CounterfactualReplay
from replay.diagnosis.causes.evidence import Evidence
from replay.diagnosis.causes.find import find_causes
from replay.diagnosis.causes.kind import KINDS, describe
from replay.diagnosis.causes.kinds.constant import typical_values
from replay.diagnosis.causes.significance import measure
from tests.diagnosis.linear import counterfactual as linear_counterfactual
from tests.diagnosis.linear import score, small_columns, step_of
from tests.diagnosis.worlds import diagnose


def counterfactual(values: pa.Array, entry: Input) -> CounterfactualReplay:
    online = np.zeros(len(values))
    bad = np.arange(len(values)) == 0
    evidence = Evidence(pa.RecordBatch.from_pydict({"f": values}), online + bad, bad)
    scorer = FunctionScorer(lambda tensors: 0.0 * next(iter(tensors.values())).reshape(len(values), -1)[:, 0].float())
    model = ModelConfig(inputs=(entry,))
    return CounterfactualReplay(model, evidence, {"prod": scorer}, "prod", Tolerance(), 1000, chunk_rows=len(values))


QUANTITY = Input(name="x", dtype="float32", feature="f", missing=0.0)
ID = Input(name="x", dtype="int64", feature="f", missing=0)


@pytest.mark.parametrize(
    ("values", "entry", "expected"),
    [
        # Defaults; of the five good rows the middle, the values by frequency, and the ends.
        (pa.array([9.0, 2.0, 2.0, 5.0, 7.0, None]), QUANTITY, [0.0, 1.0, -1.0, 5.0, 2.0, 7.0]),
        (pa.array([1, 4, 4, 6]), ID, [4, 6]),
        (pa.array([Decimal("1.5"), Decimal("2.5")], pa.decimal128(4, 1)), QUANTITY, [2.5]),
        (pa.array([b"home", b"feed"]), Input(name="x", dtype="int64", feature="f", hash={"buckets": 5}), ["feed"]),
        (pa.array([[1.0], [2.0]]), Input(name="x", dtype="float32", feature="f", length=1, pad=0.0), [0.0, 1.0]),
        (pa.array([None, None], pa.float64()), QUANTITY, []),
    ],
    ids=["quantity", "id", "decimal", "bytes", "list", "null"],
)
def test_typical_values(values, entry, expected):
    assert typical_values(counterfactual(values, entry), "f") == expected


@pytest.mark.parametrize("value", [1.0, 0.37, -2.2])
def test_a_constant_feature(world, value):
    cause = diagnose(world, world.score(world.with_value("item_0", value))).causes[0]

    assert (cause.kind, cause.features) == ("constant", ("item_0",))
    assert cause.parameters["value"] == pytest.approx(value, rel=1e-3)


def test_a_constant_id_that_is_not_among_the_most_frequent(world):
    cause = diagnose(world, world.score(world.with_value("user_city", 17))).causes[0]

    assert (cause.kind, cause.features, cause.parameters["value"]) == ("constant", ("user_city",), 17)


@pytest.mark.parametrize("feature", ["item_2", "item_topic", "count_0"])
def test_another_rows_values_are_no_cause_that_is_known(world, feature):
    shuffled = world.rng.permutation(world.columns[feature])
    found = diagnose(world, world.score({**world.columns, feature: shuffled}))

    assert [one.kind for one in found.causes] == ["unexplained"]


@pytest.mark.parametrize("is_one", [True, False])
def test_what_became_of_one_value_is_no_constant(world, is_one):
    """Rows of other values beside those that were struck kept theirs: it was not the feature that held one value."""
    topics = world.columns["item_topic"]
    struck = topics == 1 if is_one else world.rng.random(len(topics)) < (topics == 1).mean()
    changed = {**world.columns, "item_topic": np.where(struck, 9, topics)}
    replay = world.counterfactual(world.online_if(world.score(changed), world.bad), most=600)
    replay.evidence = replace(replay.evidence, inside=replay.evidence.time_us >= world.time_us[world.bad].min())
    kinds = {name: KINDS[name] for name in ("null_features", "constant")}

    told = [(cause.kind, cause.features) for cause in find_causes(replay, kinds=kinds).causes]
    assert told == ([("unexplained", None)] if is_one else [("constant", ("item_topic",))])


def test_a_fixed_number_is_found_called_and_set():
    columns = small_columns()
    rows = np.arange(len(columns["a"]))
    lab = linear_counterfactual(columns, score({**columns, "b": np.full(len(rows), 0.37)}))
    screened = measure(lab, [lab.perturbed("constant", ("b",), "constant", value=1.0)], rows)
    best = max(filter(None, KINDS["constant"].refine(lab, screened, rows, rows)), key=lambda verdict: verdict.count)

    assert (describe(best.hypothesis), best.count) == ("b = 0.37", 40)
    assert step_of(best.hypothesis) == {"op": "constant", "value": 0.37, "features": ["b"]}
    words = KINDS["constant"].words(Cause("constant", 1.0, 40))
    assert (words.short, words.as_if) == ("{names} fixed at {value}", "as if {names} had always been {value}")


def test_two_values_of_one_feature_contradict_each_other():
    lab = linear_counterfactual(small_columns(), np.full(40, -1.0))
    one, two, both = (
        lab.perturbed("constant", names, "constant", value=value)
        for names, value in ((("b",), 1.0), (("b",), 2.0), (("b", "c"), 1.0))
    )
    contradicts = KINDS["constant"].contradicts

    assert contradicts(one, two)
    assert contradicts(two, both)
    assert not contradicts(one, both)
    assert not contradicts(one, lab.perturbed("scale", ("b",), "scale", factor=2.0))


HASHED = {"name": "x", "dtype": "int64", "feature": "f", "hash": {"buckets": 8}}


@pytest.mark.parametrize(
    ("values", "entry", "plausible", "not_plausible"),
    [
        (pa.array([3.0, 7.5, None]), QUANTITY, (0.0, 3.0, 5.0, 7.5), (-1.0, 8.0)),
        (pa.array([Decimal("3.5"), Decimal("7.5")]), QUANTITY, (0.0, 3.5), (1.0, 4.0)),
        (
            pa.array([[3.0, 4.0], [5.0, 6.0]], pa.list_(pa.float64(), 2)),
            Input(name="x", dtype="float32", feature="f", missing=9.0),
            (0.0, 4.5, 9.0),
            (1.0, 7.0),
        ),
        (pa.array([3, 7, 7]), Input(name="x", dtype="int64", feature="f", missing=40), (0, 3, 7, 40), (5, 8)),
        (
            pa.array(["de", "fr"]),
            Input.model_validate({**HASHED, "missing": "xx"}),
            ("de", "xx"),
            ("it",),
        ),
        (pa.array([None, None], pa.float64()), QUANTITY, (0.0,), (1.0,)),
    ],
    ids=["numbers", "decimals", "lists", "ids", "text", "nulls"],
)  # fmt: skip
def test_a_constant_that_nobody_logs_is_implausible_beside_another_cause(values, entry, plausible, not_plausible):
    replay = counterfactual(values, entry)

    def is_plausible(value):
        made = replay.hypothesis("constant", ("f",), value=value)
        return KINDS["constant"].is_plausible(replay, made, replay.bad)

    assert [one for one in plausible if not is_plausible(one)] == []
    assert [one for one in not_plausible if is_plausible(one)] == []
