"""Of equivalent causes the simplest is named, and what is only numerically the same is not listed beside it."""

from __future__ import annotations

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

Row = tuple[float, float, float, bool]  # a, b, what online answered, whether it disagrees


def prod(tensors):
    """(a + 2 max(b, 0)) / 100: a negative b counts as much as none."""
    return (tensors["x"][:, 0] + 2 * tensors["x"][:, 1].clamp(min=0.0)) / 100


def without_b(tensors):
    """A checkpoint that never saw b."""
    return tensors["x"][:, 0] / 100


NULLS: list[Row] = [(a, 1 + a % 4, a / 100, True) for a in range(20)]
"""b was above 0, and did not count."""
POSITIVE: list[Row] = [(a, 3, (a + 6) / 100, False) for a in range(10)]
NEGATIVE: list[Row] = [(a, -3, a / 100, False) for a in range(10)]


def diagnose(rows: list[Row], *others: str, families: dict[str, tuple[str, ...]] | None = None) -> Cause:
    a, b, online, bad = (list(column) for column in zip(*rows, strict=True))
    features = ("a", "b", "c") if families else ("a", "b")
    columns = {"a": a, "b": b, "c": [None] * len(rows)}
    evidence = Evidence(
        pa.RecordBatch.from_pydict({name: pa.array(columns[name], pa.float64()) for name in features}),
        np.array(online),
        np.array(bad),
    )
    model = ModelConfig(
        inputs=(Input(name="x", dtype="float64", features=features, missing=0.0),), families=families or {}
    )
    functions = {"prod": prod, **dict.fromkeys(others, without_b)}
    scorers = {name: FunctionScorer(function, fingerprint=name) for name, function in functions.items()}
    counterfactual = CounterfactualReplay(model, evidence, scorers, "prod", Tolerance(abs=1e-6, rel=0.0), 1_000_000)
    (cause,) = find_causes(counterfactual).causes
    return cause


def test_the_same_scores_in_other_numbers_are_not_listed():
    """On no row, the good ones included, does the model tell b = null from b = 0, b times -1 or b times 1e-6."""
    cause = diagnose([*NULLS, *POSITIVE])

    assert (cause.kind, cause.features, cause.equivalent) == ("null_features", ("b",), ())
    assert "cannot tell" not in cause.text
    kinds = {(one.kind, one.get("value"), one.get("factor")) for one in cause.alternatives}
    assert {("constant", 0.0, None), ("scale", None, -1.0)} <= kinds


def test_what_good_rows_tell_apart_is_listed():
    """Where b is negative and null changes nothing, b times -1 would: another explanation, of other scores."""
    cause = diagnose([*NULLS, *NEGATIVE])

    assert cause.kind == "null_features"
    assert "b multiplied by -1" in cause.equivalent
    assert not {"b = 0.0", "b multiplied by 1e-06"} & set(cause.equivalent)
    assert "b multiplied by -1" in cause.text


def test_another_checkpoint_is_listed_though_its_scores_are_the_same():
    cause = diagnose([*NULLS, *POSITIVE], "older")

    assert (cause.kind, cause.equivalent) == ("null_features", ("checkpoint older",))


def test_other_features_are_listed_though_the_scores_are_the_same():
    """c was null in the log already: the family b and c null is b null, but what failed may have been both."""
    cause = diagnose([*NULLS, *POSITIVE], families={"both": ("b", "c")})

    assert cause.kind == "null_features"
    names = {"b null", "family both null"}
    assert names <= {cause.text.split(":")[0], *cause.equivalent}


@pytest.mark.parametrize("others", [(), ("older",)])
def test_served_nothing_comes_before_everything_else(others):
    assert diagnose([*NULLS, *POSITIVE], *others).kind == "null_features"
