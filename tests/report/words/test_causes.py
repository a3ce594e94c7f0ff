"""Every kind of cause, word for word, from numbers chosen by hand."""

from __future__ import annotations

import pytest

from replay.diagnosis.causes.kind import KINDS
from replay.report.summary import Cause
from replay.report.words.causes import as_if, cause_words, not_words

LAYER = {"offset": 0.5, "slope": 2.0, "space": "logit"}


@pytest.mark.parametrize(
    ("cause", "short", "told"),
    [
        (
            Cause("null_features", 1.0, 9, families=("a",), features=("I1", "I2")),
            "family a, I1, I2 null",
            "as if family a, I1 and I2 had been null",
        ),
        (
            Cause("stale_features", 1.0, 9, features=("I1",), lag_seconds=10_800.0),
            "I1 stale by 3 h",
            "as if I1 had been 3 h old",
        ),
        (Cause("checkpoint", 1.0, 9, checkpoint="old"), "checkpoint old answered", "as if checkpoint old had answered"),
        (
            Cause("route", 1.0, 9, checkpoint="old", parameters={"route_share": 0.3}),
            "checkpoint old answered a share of the rows",
            "as if checkpoint old had answered about 30% of the rows",
        ),
        (
            Cause("route", 1.0, 9, checkpoint="old"),
            "checkpoint old answered a share of the rows",
            "as if checkpoint old had answered a share of the rows",
        ),
        (
            Cause("splice", 1.0, 9, checkpoints={"query.*": "new", "*": "prod"}),
            "parameters mixed: query.* of new, * of prod",
            "as if the model had been put together from query.* of new, * of prod",
        ),
        (
            Cause("precision", 1.0, 9, checkpoint="prod", parameters={"dtype": "bfloat16"}),
            "prod cast to bfloat16",
            "as if prod had been cast to bfloat16",
        ),
        (
            Cause("scale", 1.0, 9, features=("I1",), parameters={"factor": 1000.0}),
            "I1 multiplied by 1,000",
            "as if I1 had been multiplied by 1,000",
        ),
        (
            Cause("scale", 1.0, 9, features=("I1",), parameters={"function": "log1p"}),
            "I1 put through log1p",
            "as if I1 had been put through log1p",
        ),
        (
            Cause("constant", 1.0, 9, features=("I1",), parameters={"value": 0.5}),
            "I1 fixed at 0.5",
            "as if I1 had always been 0.5",
        ),
        (
            Cause("constant", 1.0, 9, features=("C1",), parameters={"value": "none"}),
            "C1 fixed at none",
            "as if C1 had always been none",
        ),
        (Cause("swap", 1.0, 9, features=("I1", "I2")), "I1, I2 exchanged", "as if I1 and I2 had been exchanged"),
        (
            Cause("affine", 1.0, 9, parameters=LAYER),
            "another output layer: logit = 0.5 + 2 x the model's",
            "as if the answer had gone through another layer (logit = 0.5 + 2 x the model's)",
        ),
        (
            Cause("affine", 1.0, 9, parameters={"offset": 0.5, "slope": 2.0}),
            "another output layer: score = 0.5 + 2 x the model's",
            "as if the answer had gone through another layer (score = 0.5 + 2 x the model's)",
        ),
        (
            Cause("list_features", 1.0, 9, features=("clicks",), parameters={"last": 20.0, "chance_rate": 0.0}),
            "clicks cut to the last 20",
            "as if clicks had been cut to the last 20",
        ),
        (Cause("joint", 1.0, 9), "two causes on the same rows", "as if two things had happened to the same rows"),
        (Cause("unexplained", 0.0, 9), "unexplained", "for a reason that was not found"),
        (Cause("something_new", 0.0, 9), "something new", "as after something new"),
    ],
)
def test_every_kind_has_its_words(cause: Cause, short: str, told: str) -> None:
    assert (cause_words(cause), as_if(cause)) == (short, told)


@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_of_the_search_is_told_by_its_bare_name(kind: str) -> None:
    assert not_words(kind) != f"not {kind.replace('_', ' ')}"
    assert cause_words(Cause(kind, 1.0, 9)) != kind.replace("_", " ")
